-- The path that goes first from each scale to HRSD17 and QIDS-SR16, score by score: what marts read where a view on all
-- administrations would cost too much.

select
    points.from_instrument_id,
    points.to_instrument_id,
    points.from_score,
    points.point,
    points.point_above,
    points.link_id
from {{ ref('link_points') }} as points
inner join {{ ref('links') }} as links
    on points.link_id = links.link_id
        and points.kind = links.kind
        and points.from_instrument_id = links.from_instrument_id
        and points.to_instrument_id = links.to_instrument_id
where links.is_default and points.to_instrument_id in {{ linked_to() }}
