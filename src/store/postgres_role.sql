-- SPDX-License-Identifier: Apache-2.0
-- A role for the house that can append to the book and read it, and neither
-- change nor delete what it wrote.  Run by the tables' owner, with the store's
-- schema first in the search path, after the tables were made (and after each
-- upgrade that adds steps).  Bodies then lie in body_rest.
DO 'BEGIN EXECUTE format(''GRANT USAGE ON SCHEMA %I TO handrail_house'', current_schema()); END';
GRANT SELECT ON meta TO handrail_house;
GRANT SELECT, INSERT ON log, word, body, body_rest TO handrail_house;
GRANT DELETE ON body_rest TO handrail_house;
GRANT SELECT, INSERT, UPDATE, DELETE ON rows, task, task_live, task_end TO handrail_house;
GRANT SELECT ON tasks TO handrail_house;
GRANT SELECT, UPDATE ON owner TO handrail_house;
GRANT SELECT, DELETE ON inbox TO handrail_house;
