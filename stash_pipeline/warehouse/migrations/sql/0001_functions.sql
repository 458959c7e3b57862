-- Digits are spelled out: under an ICU collation the class of digits holds those of all scripts.
-- Partial dates: "2024", "2024-05" and "2024-05-17" are legal since Stash v0.30; anything else is kept as text only.

CREATE FUNCTION stash.date_precision(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN value ~ '^(?!0000)[0-9]{4}$' THEN 'year'
    WHEN value ~ '^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])$' THEN 'month'
    WHEN value ~ '^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$' THEN
        -- the 31st of a month that has 30 days is no date; nested, because AND promises no order of evaluation
        CASE WHEN extract(month FROM make_date(left(value, 4)::int, substr(value, 6, 2)::int, 1)
                                   + (substr(value, 9, 2)::int - 1)) = substr(value, 6, 2)::int
            THEN 'day' END
END;

COMMENT ON FUNCTION stash.date_precision(text) IS 'day, month or year; null if the text is no date';

CREATE FUNCTION stash.partial_date(value text) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE stash.date_precision(value)
    WHEN 'day' THEN make_date(left(value, 4)::int, substr(value, 6, 2)::int, substr(value, 9, 2)::int)
    WHEN 'month' THEN make_date(left(value, 4)::int, substr(value, 6, 2)::int, 1)
    WHEN 'year' THEN make_date(left(value, 4)::int, 1, 1)
END;

COMMENT ON FUNCTION stash.partial_date(text) IS 'first day of the day, month or year that the text names; null if it is no date';
