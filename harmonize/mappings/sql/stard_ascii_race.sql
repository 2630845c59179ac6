-- Race from tick boxes: the one that is ticked, or more than one; a tick at unknown is no race.
case
    when white = '1' and coalesce(black, '0') <> '1' and coalesce(asian, '0') <> '1' and coalesce(amind, '0') <> '1'
        and coalesce(hawai, '0') <> '1' then 'White'
    when black = '1' and coalesce(white, '0') <> '1' and coalesce(asian, '0') <> '1' and coalesce(amind, '0') <> '1'
        and coalesce(hawai, '0') <> '1' then 'Black'
    when asian = '1' and coalesce(white, '0') <> '1' and coalesce(black, '0') <> '1' and coalesce(amind, '0') <> '1'
        and coalesce(hawai, '0') <> '1' then 'Asian'
    when amind = '1' and coalesce(white, '0') <> '1' and coalesce(black, '0') <> '1' and coalesce(asian, '0') <> '1'
        and coalesce(hawai, '0') <> '1' then 'American Indian'
    when hawai = '1' and coalesce(white, '0') <> '1' and coalesce(black, '0') <> '1' and coalesce(asian, '0') <> '1'
        and coalesce(amind, '0') <> '1' then 'Hawaiian'
    when '1' in (white, black, asian, amind, hawai) then 'More than one'
end
