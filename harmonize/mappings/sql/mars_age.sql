-- Age in the year of admission 1, whichever way its date is written; only the year of birth is delivered.
{{ to_integer(extract_group('ersteinschluss', '([0-9]{4})', 1)) }} - {{ to_double('gebjahr') }}
