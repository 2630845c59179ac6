-- The flag of the level that is left is 1 when it was left because of side effects.
case when '1' in (coalesce(l1se, '0'), coalesce(l2se, '0'), coalesce(l2ase, '0'), coalesce(l2ctse, '0'), coalesce(l3se, '0')) then 'intolerance' end
