-- Start of the current episode, negative days from baseline; duration is the absolute value.
abs({{ to_double('episode_date') }})
