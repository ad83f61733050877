--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: counters; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.counters (
    project_id uuid NOT NULL,
    scope uuid NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    value bigint NOT NULL
)
WITH (fillfactor='50');


--
-- Name: failed_messages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.failed_messages (
    id uuid NOT NULL,
    queue text NOT NULL,
    type text NOT NULL,
    body bytea NOT NULL,
    headers jsonb NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    failed_at timestamp with time zone DEFAULT now() NOT NULL,
    next_try_at timestamp with time zone
);


--
-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency_keys (
    method text NOT NULL,
    key text NOT NULL,
    digest bytea NOT NULL,
    answer jsonb NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: inbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: labels; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.labels (
    project_id uuid NOT NULL,
    label_id uuid NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    status text NOT NULL,
    review text NOT NULL,
    assignee uuid,
    objects jsonb NOT NULL,
    has_open_issue boolean NOT NULL,
    updated timestamp with time zone NOT NULL
);


--
-- Name: outbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox (
    id uuid NOT NULL,
    type text NOT NULL,
    envelope bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: project_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.project_versions (
    project_id uuid NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL
)
WITH (fillfactor='50');


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.alembic_version (version_num) FROM stdin;
0001
\.


--
-- Data for Name: counters; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.counters (project_id, scope, key, value) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-15ab-73db-b7c1-f1795af33e63	updated/2026-11-23T15:30:00	4
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1cc6-7793-9104-1c33a8954695	updated/2026-11-23T15:30:00	4
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-15ab-73db-b7c1-f1795af33e63	objects/01a20911-15ab-73db-b7c1-f1772d546d79	6
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1cc6-7793-9104-1c33a8954695	objects/01a20911-15ab-73db-b7c1-f1772d546d79	6
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-15ab-73db-b7c1-f1795af33e63	segment/in_progress/not_submitted	1
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-15ab-73db-b7c1-f1795af33e63	segment/skipped/pending_review	1
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1cc6-7793-9104-1c33a8954695	segment/in_progress/not_submitted	1
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1cc6-7793-9104-1c33a8954695	segment/skipped/pending_review	1
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-15ab-73db-b7c1-f1795af33e63	segment/in_progress/rejected	1
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-15ab-73db-b7c1-f1795af33e63	segment/submitted/pending_review	1
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1cc6-7793-9104-1c33a8954695	segment/in_progress/rejected	1
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1cc6-7793-9104-1c33a8954695	segment/submitted/pending_review	1
\.


--
-- Data for Name: failed_messages; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.failed_messages (id, queue, type, body, headers, reason, attempts, failed_at, next_try_at) FROM stdin;
\.


--
-- Data for Name: idempotency_keys; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.idempotency_keys (method, key, digest, answer, at) FROM stdin;
\.


--
-- Data for Name: inbox; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.inbox (consumer, event_id, at) FROM stdin;
\.


--
-- Data for Name: labels; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.labels (project_id, label_id, version, deleted, status, review, assignee, objects, has_open_issue, updated) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7243e56b3a5f	3	f	in_progress	not_submitted	01a20911-1cc6-7793-9104-1c33a8954695	{}	f	2026-11-23 15:30:00+00
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-724414f40243	4	f	submitted	pending_review	01a20911-1cc6-7793-9104-1c33a8954695	{"01a20911-15ab-73db-b7c1-f1772d546d79": 1}	f	2026-11-23 15:30:00+00
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7245c02508b6	4	f	skipped	pending_review	01a20911-1cc6-7793-9104-1c33a8954695	{"01a20911-15ab-73db-b7c1-f1772d546d79": 2}	f	2026-11-23 15:30:00+00
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7246cf65a75e	5	f	in_progress	rejected	01a20911-1cc6-7793-9104-1c33a8954695	{"01a20911-15ab-73db-b7c1-f1772d546d79": 3}	f	2026-11-23 15:30:00+00
\.


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.outbox (id, type, envelope, created_at) FROM stdin;
\.


--
-- Data for Name: project_versions; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.project_versions (project_id, version, deleted) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	10	f
\.


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: counters counters_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (project_id, scope, key);


--
-- Name: failed_messages failed_messages_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.failed_messages
    ADD CONSTRAINT failed_messages_pkey PRIMARY KEY (id);


--
-- Name: idempotency_keys idempotency_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (method, key);


--
-- Name: inbox inbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id);


--
-- Name: labels labels_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.labels
    ADD CONSTRAINT labels_pkey PRIMARY KEY (project_id, label_id);


--
-- Name: outbox outbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);


--
-- Name: project_versions project_versions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.project_versions
    ADD CONSTRAINT project_versions_pkey PRIMARY KEY (project_id);


--
-- Name: failed_messages_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX failed_messages_due ON public.failed_messages USING btree (queue, next_try_at);


--
-- Name: idempotency_keys_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (at);


--
-- PostgreSQL database dump complete
--


