{# Publish by rename (decision 10): only when every enabled node of the project ran and none failed. A partial,
   failed, empty or test-less build leaves the published file as it is. #}
{% macro publish(results) -%}
    {%- if execute and target.name == 'build' -%}
        {%- do nothing_null(results) -%}
        {%- set expected = namespace(n=0) -%}
        {%- for node in graph.nodes.values() if node.config.enabled and node.resource_type in ('model', 'seed', 'snapshot', 'test') -%}
            {%- set expected.n = expected.n + 1 -%}
        {%- endfor -%}
        {#- dbt does not show a macro the unit tests of the project, so they are not counted: trd_end() says no to a
            run that selects or excludes anything, and a full run has run them all -#}
        {%- set ran = results | rejectattr('node.resource_type', 'equalto', 'unit_test') | list | length -%}
        {%- set bad = results | rejectattr('status', 'in', ['success', 'pass', 'warn']) | list -%}
        {%- set green = flags.WHICH == 'build' and not flags.EMPTY and not bad and ran == expected.n and expected.n > 0 -%}
        {%- set published = run_query("select trd_end(" ~ ('true' if green else 'false') ~ ")").columns[0].values()[0] -%}
        {%- if published -%}
            {{ log('Published: ' ~ results | length ~ ' nodes ran and none failed.', info=true) }}
        {%- elif green -%}
            {{ log('Not published: the run selects or excludes nodes; the published file is as it was.', info=true) }}
        {%- elif flags.WHICH in ('build', 'run', 'seed', 'test') -%}
            {{ log('Not published: ' ~ ran ~ ' of ' ~ expected.n ~ ' nodes ran, ' ~ bad | length ~ ' failed; the published file is as it was.', info=true) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
