{# Candidates are evaluated once: `candidates` writes them where they will be published, `settled` takes out what is not
   to stay. Nearly all of them do stay, and to write or to evaluate them is most of what a build does. #}

{# The table that the candidates of a published model are written to until it is settled. #}
{% macro stored_candidates(published) -%}
    {{ return(api.Relation.create(database=published.database, schema=published.schema, identifier=published.alias ~ '__candidates', type='table')) }}
{%- endmacro %}

{# A view of the same name with an addition. #}
{% macro beside(node, addition='') -%}
    {{ return(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias ~ addition, type='view')) }}
{%- endmacro %}

{# Names and types of the columns of a table or view. #}
{% macro columns_of(relation) -%}
    {%- set found = run_query(
        "select column_name, data_type from duckdb_columns() where database_name = '" ~ relation.database
        ~ "' and schema_name = '" ~ relation.schema ~ "' and table_name = '" ~ relation.identifier ~ "' order by column_index"
    ) -%}
    {{ return(dict(zip(found.columns[0].values(), found.columns[1].values()))) }}
{%- endmacro %}

{% macro check_clauses(column) -%}
    {%- for constraint in column.constraints if constraint.type == 'check' %} check ({{ constraint.expression }}){% endfor -%}
{%- endmacro %}

{# `chk_<table>`, stored once in the file of the published table: the columns of its contract, then what else the gate
   looks at. What a refused row has in columns with a check, which it may break, stands in the column `refused`, a list
   that nearly all rows lack. The model itself is a view that shows all candidates alike. #}
{% materialization candidates, adapter='duckdb' %}
    {%- set published = graph.nodes['model.' ~ project_name ~ '.' ~ model.name | replace('chk_', '')] -%}
    {%- set stored = stored_candidates(published) -%}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set evaluated = beside(model, '__evaluated') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is not none and not existing.is_view -%} {{ drop_relation_if_exists(existing) }} {%- endif -%}

    {%- call statement('evaluated') -%} create or replace view {{ evaluated }} as ({{ sql }}) {%- endcall -%}
    {{ adapter.commit() }}

    {%- set checked = columns_of(evaluated) -%}
    {%- set guarded = [] -%}
    {%- for name, column in published.columns.items() if name in checked and column.constraints | selectattr('type', 'equalto', 'check') | list -%}
        {%- do guarded.append(name) -%}
    {%- endfor -%}
    {%- set beyond = checked.keys() | reject('in', published.columns.keys()) | list -%}
    {%- call statement('stored') -%}
        create schema if not exists {{ stored.without_identifier() }};
        create or replace table {{ stored }} (
            {% for name, column in published.columns.items() -%}
            {{ name }} {{ column.data_type }}{{ check_clauses(column) }},
            {% endfor %}
            {% for name in beyond -%} {{ name }} {{ checked[name] }}, {% endfor %}
            refused struct(is_refused boolean{% for name in guarded %}, {{ name }} {{ checked[name] }}{% endfor %})[]
        )
    {%- endcall -%}
    {%- call statement('main') -%}
        insert into {{ stored }}
        select
            {% for name in published.columns -%}
            {% if name == 'n_src' %} 1
            {%- elif name in guarded %} case when failed_rules = 0 then {{ name }} end
            {%- else %} {{ name }} {%- endif %},
            {% endfor %}
            {{ beyond | join(', ') }},
            case
                when failed_rules <> 0
                    then [struct_pack(is_refused := true{% for name in guarded %}, {{ name }} := {{ name }}{% endfor %})]
            end
        from {{ evaluated }}
    {%- endcall -%}
    {{ adapter.commit() }}

    {%- call statement('shown') -%}
        create or replace view {{ target_relation }} as
        select {{ checked.keys() | join(', ') }} from {{ stored }} where failed_rules = 0
        union all
        select
            {% for name in checked %}{{ 'refused[1].' if name in guarded }}{{ name }}{{ ', ' if not loop.last }}{% endfor %}
        from {{ stored }} where failed_rules <> 0
    {%- endcall -%}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{# A table of the common model, made from its stored candidates: the verdicts on them are carried out there and the
   columns beyond the contract fall; that nothing is null comes into force when the run ends (`nothing_null`). Every step
   can be repeated: what a build killed on the way has left is settled by the next. Where no candidates are stored, as in
   a partial build of this model alone, the model's own statement is run on `chk_<table>`, which is evaluated then. #}
{% materialization settled, adapter='duckdb' %}
    {%- set stored = stored_candidates(model) -%}
    {%- set columns = columns_of(stored) -%}
    {%- if not columns -%}
        {{ return(materialization_table_duckdb()) }}
    {%- endif -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set checked = graph.nodes['model.' ~ project_name ~ '.chk_' ~ model.name] -%}
    {%- set verdicts = beside(graph.nodes['model.' ~ project_name ~ '.dup_' ~ model.name]) -%}
    {{ get_assert_columns_equivalent(sql) }}

    {%- if 'failed_rules' in columns -%}
    {%- call statement('main') -%}
        update {{ stored }} as candidates set n_src = verdicts.n_src
        from {{ verdicts }} as verdicts
        where verdicts.verdict = 'keep' and {{ same_row('candidates', 'verdicts') }};
        delete from {{ stored }} as candidates using {{ verdicts }} as verdicts
        where verdicts.verdict <> 'keep' and {{ same_row('candidates', 'verdicts') }};
        delete from {{ stored }} where failed_rules <> 0
    {%- endcall -%}
    {{ adapter.commit() }}
    {%- endif -%}

    {%- call statement('contract') -%}
        {% for name in columns if name not in model.columns and name != 'failed_rules' -%}
        alter table {{ stored }} drop column {{ name }};
        {% endfor %}
        {% if 'failed_rules' in columns %} alter table {{ stored }} drop column failed_rules; {% endif %}
        drop table if exists {{ target_relation }};
        alter table {{ stored }} rename to {{ target_relation.identifier }}
    {%- endcall -%}
    {%- do persist_docs(target_relation, model) -%}
    {{ adapter.commit() }}

    {%- call statement('evaluated') -%}
        create or replace view {{ beside(checked) }} as select * from {{ beside(checked, '__evaluated') }}
    {%- endcall -%}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{# Nothing is null where the contract says so, in the tables that were settled. At the end of the run, as the engine looks
   at deleted rows too while another thread's transaction may still read them. A null stops the run here. #}
{% macro nothing_null(results) -%}
    {%- for result in results if result.node.config.materialized == 'settled' and result.status == 'success' -%}
        {%- for name, column in result.node.columns.items() if column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
            {%- do run_query("alter table " ~ result.node.relation_name ~ " alter column " ~ name ~ " set not null") -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}
