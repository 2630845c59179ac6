{# Publish by rename (decision 10): only when every enabled node of the project ran and none failed. A partial,
   failed, empty or test-less build leaves the published file as it is. #}
{% macro publish(results) -%}
    {%- if execute and target.name == 'build' -%}
        {%- set expected = namespace(n=0) -%}
        {%- for node in graph.nodes.values() if node.config.enabled and node.resource_type in ('model', 'seed', 'snapshot', 'test') -%}
            {%- set expected.n = expected.n + 1 -%}
        {%- endfor -%}
        {%- for node in graph.get('unit_tests', {}).values() -%}
            {%- set expected.n = expected.n + 1 -%}
        {%- endfor -%}
        {%- set bad = results | rejectattr('status', 'in', ['success', 'pass', 'warn']) | list -%}
        {%- if flags.WHICH == 'build' and not flags.EMPTY and not bad and results | length == expected.n and expected.n > 0 -%}
            {%- do run_query("select trd_publish()") -%}
            {{ log('Published: ' ~ expected.n ~ ' nodes ran and none failed.', info=true) }}
        {%- elif flags.WHICH in ('build', 'run', 'seed', 'test') -%}
            {{ log('Not published: ' ~ results | length ~ ' of ' ~ expected.n ~ ' nodes ran, ' ~ bad | length ~ ' failed; the published file is as it was.', info=true) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
