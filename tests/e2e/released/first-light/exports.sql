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
-- Name: exports; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.exports (
    project_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    format text NOT NULL,
    filter jsonb NOT NULL,
    state text NOT NULL,
    manifest text,
    attempt integer DEFAULT 0 NOT NULL,
    labels integer,
    objects bigint,
    size bigint,
    sha256 text,
    failure text,
    version integer NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    deleted_at timestamp with time zone
);


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
-- Name: outbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox (
    id uuid NOT NULL,
    type text NOT NULL,
    envelope bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: project_copies; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.project_copies (
    project_id uuid NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL,
    name text NOT NULL,
    specification jsonb NOT NULL
);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.alembic_version (version_num) FROM stdin;
0001
\.


--
-- Data for Name: exports; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.exports (project_id, id, name, format, filter, state, manifest, attempt, labels, objects, size, sha256, failure, version, created_by, created_at, ended_at, deleted_at) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2a74-7649-bf7b-b1f603d424a6	native 2026-11-23 15:40:49 UTC	native	{}	done	snapshots/01a20911-2a74-7649-bf7b-b1f603d424a6/manifest.json	1	4	6	3802	eb24e1896ae29e85ae9d66b4f0cbec39b8d3a317d4cdb780933bf55b316d1aed	\N	3	01a20911-1757-73b9-81f4-f602ad4ce603	2026-11-23 15:40:49.652551+00	2026-11-23 15:40:50.447682+00	\N
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
exports.create_export	01a20911-1757-73b9-81f4-f602ad4ce603:create_export:112c836654be9859:fc115a28-42e9-4b95-8666-76790a16eeff	\\x442e6fcb2ea726012587139202fa3747110fe95c98ee6335011b209ad1c0e378	{"id": "01a20911-2a74-7649-bf7b-b1f603d424a6", "name": "native 2026-11-23 15:40:49 UTC", "size": null, "state": "queued", "filter": {"review": null, "status": null, "dataset": null, "assignee": null, "data_key": null, "updated_since": null, "has_open_issues": null}, "format": "native", "labels": null, "sha256": null, "failure": null, "objects": null, "version": 1, "ended_at": null, "created_at": "2026-11-23T15:40:49.652551Z", "created_by": "01a20911-1757-73b9-81f4-f602ad4ce603", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63"}	2026-11-23 15:40:49.580006+00
\.


--
-- Data for Name: inbox; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.inbox (consumer, event_id, at) FROM stdin;
\.


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.outbox (id, type, envelope, created_at) FROM stdin;
\.


--
-- Data for Name: project_copies; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.project_copies (project_id, version, deleted, name, specification) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	1	f	project e1f5931c4b9e	{"object_classes": [{"id": "01a20911-15ab-73db-b7c1-f1772d546d79", "name": "cell", "color": "#4392db", "annotation_type": "box"}, {"id": "01a20911-15ab-73db-b7c1-f1788bdaff7c", "name": "dot", "color": "#a0bc24", "annotation_type": "box"}], "image_categories": []}
\.


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: exports exports_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.exports
    ADD CONSTRAINT exports_pkey PRIMARY KEY (project_id, id);


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
-- Name: outbox outbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);


--
-- Name: project_copies project_copies_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.project_copies
    ADD CONSTRAINT project_copies_pkey PRIMARY KEY (project_id);


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


