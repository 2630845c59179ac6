-- Accepts cognitive therapy as switch or as augmentation (1 = acceptable, 2 = not).
case when cogswl2 = '1' or cogaugl2 = '1' then true when cogswl2 = '2' and cogaugl2 = '2' then false end
