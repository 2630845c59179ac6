-- Free of antidepressants at baseline: never treated, or treated before and washed out for a week (protocol).
case
    when treatedbefore = '0' then 'antidepressant_free'
    when treatedbefore = '1' and washout7d = '1' then 'antidepressant_free'
end
