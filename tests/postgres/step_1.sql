-- SPDX-License-Identifier: Apache-2.0
-- A store as step 1 made it: four tasks, of which one has ended, and a row.
CREATE SCHEMA test_older;
CREATE FUNCTION test_older.log_stays() RETURNS trigger
    LANGUAGE plpgsql
    AS $$BEGIN RAISE EXCEPTION 'heads are never changed or deleted'; END$$;
CREATE TABLE test_older.body (
    day integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    count integer NOT NULL,
    bytes bytea NOT NULL
)
PARTITION BY LIST (day);
ALTER TABLE ONLY test_older.body ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE test_older.body_20782 (
    day integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    count integer NOT NULL,
    bytes bytea NOT NULL
);
ALTER TABLE ONLY test_older.body_20782 ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE test_older.body_20783 (
    day integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    count integer NOT NULL,
    bytes bytea NOT NULL
);
ALTER TABLE ONLY test_older.body_20783 ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE test_older.body_20784 (
    day integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    count integer NOT NULL,
    bytes bytea NOT NULL
);
ALTER TABLE ONLY test_older.body_20784 ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE test_older.body_20785 (
    day integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    count integer NOT NULL,
    bytes bytea NOT NULL
);
ALTER TABLE ONLY test_older.body_20785 ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE test_older.body_20786 (
    day integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    count integer NOT NULL,
    bytes bytea NOT NULL
);
ALTER TABLE ONLY test_older.body_20786 ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE test_older.body_rest (
    day integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    count integer NOT NULL,
    bytes bytea NOT NULL
);
ALTER TABLE ONLY test_older.body_rest ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TABLE test_older.inbox (
    id bigint NOT NULL,
    record text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE SEQUENCE test_older.inbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE test_older.inbox_id_seq OWNED BY test_older.inbox.id;
CREATE TABLE test_older.log (
    first bigint NOT NULL,
    count integer NOT NULL,
    epoch bigint NOT NULL,
    heads bytea NOT NULL,
    CONSTRAINT log_count_check CHECK ((count > 0))
);
ALTER TABLE ONLY test_older.log ALTER COLUMN heads SET STORAGE EXTERNAL;
CREATE TABLE test_older.meta (
    step integer NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE test_older.owner (
    one boolean DEFAULT true NOT NULL,
    epoch bigint NOT NULL,
    session bigint NOT NULL,
    node text NOT NULL,
    lease timestamp with time zone NOT NULL,
    backend integer,
    since timestamp with time zone,
    CONSTRAINT owner_one_check CHECK (one)
)
WITH (fillfactor='10');
CREATE TABLE test_older.rows (
    space text NOT NULL COLLATE pg_catalog."C",
    key bytea NOT NULL,
    version bigint NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE test_older.task (
    number bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    queue text NOT NULL,
    subject text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    record text NOT NULL
);
CREATE TABLE test_older.task_end (
    number bigint NOT NULL,
    state text NOT NULL,
    owner text NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    last_seq bigint NOT NULL,
    saved bytea NOT NULL
);
CREATE TABLE test_older.task_live (
    number bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL,
    owner text NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    last_seq bigint NOT NULL,
    saved bytea NOT NULL
);
CREATE VIEW test_older.tasks AS
 SELECT t.number,
    t.id,
    t.queue,
    t.subject,
        CASE
            WHEN newer.live THEN l.state
            ELSE e.state
        END AS state,
        CASE
            WHEN newer.live THEN l.owner
            ELSE e.owner
        END AS owner,
    t.created_at,
        CASE
            WHEN newer.live THEN l.updated_at
            ELSE e.updated_at
        END AS updated_at,
        CASE
            WHEN newer.live THEN l.last_seq
            ELSE e.last_seq
        END AS last_seq,
    (l.number IS NOT NULL) AS live,
        CASE
            WHEN newer.live THEN l.saved
            ELSE e.saved
        END AS saved,
    t.record
   FROM (((test_older.task t
     LEFT JOIN test_older.task_live l ON ((l.number = t.number)))
     LEFT JOIN test_older.task_end e ON ((e.number = t.number)))
     CROSS JOIN LATERAL ( SELECT ((e.number IS NULL) OR (l.last_seq >= e.last_seq)) AS live) newer);
CREATE TABLE test_older.word (
    number integer NOT NULL,
    bytes bytea NOT NULL
);
ALTER TABLE ONLY test_older.body ATTACH PARTITION test_older.body_20782 FOR VALUES IN (20782);
ALTER TABLE ONLY test_older.body ATTACH PARTITION test_older.body_20783 FOR VALUES IN (20783);
ALTER TABLE ONLY test_older.body ATTACH PARTITION test_older.body_20784 FOR VALUES IN (20784);
ALTER TABLE ONLY test_older.body ATTACH PARTITION test_older.body_20785 FOR VALUES IN (20785);
ALTER TABLE ONLY test_older.body ATTACH PARTITION test_older.body_20786 FOR VALUES IN (20786);
ALTER TABLE ONLY test_older.body ATTACH PARTITION test_older.body_rest DEFAULT;
ALTER TABLE ONLY test_older.inbox ALTER COLUMN id SET DEFAULT nextval('test_older.inbox_id_seq'::regclass);
INSERT INTO test_older.body_20783 VALUES (20783, 1, 3, 3, '\x010128b52ffd605703c50600720e2e2990a7e9ffffffffff0f6c2b6c3e2d3d36157e34fc44ee5d1a8a770548dab4f489e8808ccd66a6bffa01dcc7cad64a2b87c25cda828a4bd70b930c6398c5606b655c1869341a5f7cbf78b477dcc0c060c73950c2f5e37e684f476814ae69e7fb7efc9e01fefeb55660d0f3f484d634fbbea1861c9ecea9cd0e51c512419728468455c15496a8d64ae53cbe778aa77d3b8c9778b45f78f83dfd209722c864b5609334508a99a8f4d0ef1f3ffd41cef7af69887e14100120100900f88062b1406528b72602e0d265e9331c191e8a145cfc99183a3822');
INSERT INTO test_older.body_20783 VALUES (20783, 4, 4, 1, '\x010128b52ffd6073009d0500e28b272890a7e9ffffffffff0f941436fe4a7fdc5bffdffe37b95ba070ee4cd28d961a5a1dd033b999b6473f51145d71bde290de6d03c362a1839171dccb0fede9082fe11ec3ebb9b79f81bdbe1b2b34f1797a427bdc5ccf91a3c3d3b331c52860ceda6595cbae6a8d13b51c4e2aa628b9368deb5de249cf70d1cc21fdc2b3fdf403e4480816a2eb50240dd852998a2d635ddffbf48ef0fa7e0cc18704220002020500002e5d963ec391e1a148c1c530d83c03');
INSERT INTO test_older.body_20783 VALUES (20783, 5, 5, 1, '\x010128b52ffd20d5750500c24c2926a027e9ffffff638bc7e8db2d1d59f93fefd69aec4dbe62d577d908d9ddec46c08ee9bf57fb010c6798ed86eb65716b967fdee0b6e05d9edfa78f59ed5a2f3f29cfae3de556c6ede7bd06ed1ac79683f116acd59bd0cbaca580c0edf17c2f37ee07f30ee696fd3941a2928094c884c8040ea88410914a487afee9cf91290511508ca4ba0815aa88b14d9002c140a414059322f2fca2fdfca0e9833dff7813f60b870680430100bf2ca614');
INSERT INTO test_older.body_20783 VALUES (20783, 6, 6, 1, '\x010128b52ffd20dfa50500e20c2a279035cd01ffffffff0f7651d8acb784de042db7479f9f28b7f84eacb4dd640d77036c3676962d0a8fc79d9d6a46b4433d19477e8d9c780e8d2ce5d7206ed3e062f5a79bb26d5cb631f29eb1f189af2d1e7c416bfbc65eb686e0c085b17a0f9f68a4d48b179b1b992049928075d065d0831a602b2995d84296d5d319593da620024cb19c7b5208e7d27b4f12c2a05089298a5a4e21562716237f9e690ee2b37ac2376e472101a0100200344380ad8b2905');
INSERT INTO test_older.log VALUES (1, 3, 1, '\x0103160803eae6cfbdf9cbb006010001a218861b2172a3a65d31b623dae21abd98d94335f0ff2e349910b0a037d1e13dd7035248f2148bdccca2ab64f8dba3ef02010608033a0001a218861b2173a9a2ecf8ffbf1f9ed1b33524984a7be1554159b00db5db06f116550eafa3f6005c9e17f2f95542f15fef0201060803140001a218861b2173d79c91607e7ec180eaecda17a6747486c718b58cd52a4bc472525c2205759d9dd5af7eb895e736c7bcef0201');
INSERT INTO test_older.log VALUES (4, 1, 2, '\x0101160803d0e3d1bef9cbb006020001a218861f497eccaa91eaa2f63086c142613be06a7d5a0f90a4855b9691c5e8ac5e5e7a16eaba5caf821f6eb8ca2ce9ef0201');
INSERT INTO test_older.log VALUES (5, 1, 2, '\x0101b6080106a2b0d4bef9cbb00602010001a218861f497eccaa91eaa2f63086c1748aeee30bd29e54074f290cbb55da8539dc51c4c27c489d9a0378ea5391729ed10101');
INSERT INTO test_older.log VALUES (6, 1, 2, '\x0101b6080107e2cbd5bef9cbb00602010001a218861f497eccaa91eaa2f63086c183f8026deccc34e78cd0b948fb7bf0acfc4e5d00c75cc9d2460a20ff075a3414db0101');
INSERT INTO test_older.meta VALUES (1, '2026-11-26 15:42:50.90088+00');
INSERT INTO test_older.owner VALUES (true, 2, 1, 'bench', '-infinity', 20682, '2026-11-26 15:42:52.445205+00');
INSERT INTO test_older.rows VALUES ('meta', '\x6b', 3, '\x76');
INSERT INTO test_older.task VALUES (1, '01a21886-1b21-72a3-a65d-31b623dae21a', 'bench', 'a task', '2026-11-26 15:42:51.681+00', '{"_type":"task","id":"01a21886-1b21-72a3-a65d-31b623dae21a","queue":"bench","subject":"a task","state":"pending","created_at":"2026-11-26T15:42:51.681Z","updated_at":"2026-11-26T15:42:51.681Z","payload":{"x":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}');
INSERT INTO test_older.task VALUES (2, '01a21886-1b21-73a9-a2ec-f8ffbf1f9ed1', 'bench', 'a task', '2026-11-26 15:42:51.681+00', '{"_type":"task","id":"01a21886-1b21-73a9-a2ec-f8ffbf1f9ed1","queue":"bench","subject":"a task","state":"pending","created_at":"2026-11-26T15:42:51.681Z","updated_at":"2026-11-26T15:42:51.681Z","payload":{"x":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}');
INSERT INTO test_older.task VALUES (3, '01a21886-1b21-73d7-9c91-607e7ec180ea', 'bench', 'a task', '2026-11-26 15:42:51.681+00', '{"_type":"task","id":"01a21886-1b21-73d7-9c91-607e7ec180ea","queue":"bench","subject":"a task","state":"pending","created_at":"2026-11-26T15:42:51.681Z","updated_at":"2026-11-26T15:42:51.681Z","payload":{"x":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}');
INSERT INTO test_older.task VALUES (4, '01a21886-1f49-7ecc-aa91-eaa2f63086c1', 'bench', 'a task', '2026-11-26 15:42:52.745+00', '{"_type":"task","id":"01a21886-1f49-7ecc-aa91-eaa2f63086c1","queue":"bench","subject":"a task","state":"pending","created_at":"2026-11-26T15:42:52.745Z","updated_at":"2026-11-26T15:42:52.745Z","payload":{"x":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}');
INSERT INTO test_older.task_end VALUES (4, 'completed', 'linux__server__bench_coworker', '2026-11-26 15:42:52.777+00', 6, '\x540104062430316132313838362d316634392d376563632d616139312d6561613266363330383663310562656e63680661207461736b001d6c696e75785f5f7365727665725f5f62656e63685f636f776f726b65720500031e0001020100d0d4d1bef9cbb006d0c8d5bef9cbb00600');
INSERT INTO test_older.task_live VALUES (1, '01a21886-1b21-72a3-a65d-31b623dae21a', 'pending', '', '2026-11-26 15:42:51.681+00', 1, '\x540101012430316132313838362d316232312d373261332d613635642d3331623632336461653231610562656e63680661207461736b00000000031e0000000000d0e3cfbdf9cbb006d0e3cfbdf9cbb00600');
INSERT INTO test_older.task_live VALUES (2, '01a21886-1b21-73a9-a2ec-f8ffbf1f9ed1', 'pending', '', '2026-11-26 15:42:51.681+00', 2, '\x540102022430316132313838362d316232312d373361392d613265632d6638666662663166396564310562656e63680661207461736b00000000031e0000000000d0e3cfbdf9cbb006d0e3cfbdf9cbb00600');
INSERT INTO test_older.task_live VALUES (3, '01a21886-1b21-73d7-9c91-607e7ec180ea', 'pending', '', '2026-11-26 15:42:51.681+00', 3, '\x540103032430316132313838362d316232312d373364372d396339312d3630376537656331383065610562656e63680661207461736b00000000031e0000000000d0e3cfbdf9cbb006d0e3cfbdf9cbb00600');
INSERT INTO test_older.task_live VALUES (4, '01a21886-1f49-7ecc-aa91-eaa2f63086c1', 'pending', '', '2026-11-26 15:42:52.745+00', 4, '\x540104042430316132313838362d316634392d376563632d616139312d6561613266363330383663310562656e63680661207461736b00000000031e0000000000d0d4d1bef9cbb006d0d4d1bef9cbb00600');
INSERT INTO test_older.word VALUES (0, '\x6c696e75785f5f7365727665725f5f62656e63685f636f776f726b6572');
SELECT pg_catalog.setval('test_older.inbox_id_seq', 1, false);
ALTER TABLE ONLY test_older.body
    ADD CONSTRAINT body_pkey PRIMARY KEY (day, first);
ALTER TABLE ONLY test_older.body_20782
    ADD CONSTRAINT body_20782_pkey PRIMARY KEY (day, first);
ALTER TABLE ONLY test_older.body_20783
    ADD CONSTRAINT body_20783_pkey PRIMARY KEY (day, first);
ALTER TABLE ONLY test_older.body_20784
    ADD CONSTRAINT body_20784_pkey PRIMARY KEY (day, first);
ALTER TABLE ONLY test_older.body_20785
    ADD CONSTRAINT body_20785_pkey PRIMARY KEY (day, first);
ALTER TABLE ONLY test_older.body_20786
    ADD CONSTRAINT body_20786_pkey PRIMARY KEY (day, first);
ALTER TABLE ONLY test_older.body_rest
    ADD CONSTRAINT body_rest_pkey PRIMARY KEY (day, first);
ALTER TABLE ONLY test_older.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY test_older.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (first);
ALTER TABLE ONLY test_older.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (step);
ALTER TABLE ONLY test_older.owner
    ADD CONSTRAINT owner_pkey PRIMARY KEY (one);
ALTER TABLE ONLY test_older.rows
    ADD CONSTRAINT rows_pkey PRIMARY KEY (space, key);
ALTER TABLE ONLY test_older.task_end
    ADD CONSTRAINT task_end_pkey PRIMARY KEY (number);
ALTER TABLE ONLY test_older.task
    ADD CONSTRAINT task_id_key UNIQUE (id);
ALTER TABLE ONLY test_older.task_live
    ADD CONSTRAINT task_live_pkey PRIMARY KEY (number);
ALTER TABLE ONLY test_older.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (number);
ALTER TABLE ONLY test_older.word
    ADD CONSTRAINT word_pkey PRIMARY KEY (number);
ALTER INDEX test_older.body_pkey ATTACH PARTITION test_older.body_20782_pkey;
ALTER INDEX test_older.body_pkey ATTACH PARTITION test_older.body_20783_pkey;
ALTER INDEX test_older.body_pkey ATTACH PARTITION test_older.body_20784_pkey;
ALTER INDEX test_older.body_pkey ATTACH PARTITION test_older.body_20785_pkey;
ALTER INDEX test_older.body_pkey ATTACH PARTITION test_older.body_20786_pkey;
ALTER INDEX test_older.body_pkey ATTACH PARTITION test_older.body_rest_pkey;
CREATE TRIGGER log_stays BEFORE DELETE OR UPDATE OR TRUNCATE ON test_older.log FOR EACH STATEMENT EXECUTE FUNCTION test_older.log_stays();
