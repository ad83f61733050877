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
-- Name: projects; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.projects (
    id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    data_type character varying(20) NOT NULL,
    visibility character varying(20) NOT NULL,
    specification jsonb NOT NULL,
    spec_version bigint NOT NULL,
    version bigint NOT NULL,
    guidelines integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    created_by uuid NOT NULL
);


--
-- Name: removed_parts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.removed_parts (
    project_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    removed_at timestamp with time zone NOT NULL
);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.alembic_version (version_num) FROM stdin;
0001
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
projects.create_project	01a20910-4e1e-76a5-ab81-299f251f9032:create_project:4e963902d1529b2f:f9308eee-ecdc-4dc6-8960-401e4e1be8bf	\\xc8f09ac0391234dfaea0e9c9c61c02424ad315c5f5dad3bb9e2979cf19381ecb	{"id": "01a20911-15ab-73db-b7c1-f1795af33e63", "name": "project e1f5931c4b9e", "version": 1, "data_type": "image", "created_at": "2026-11-23T15:40:44.331391Z", "created_by": "01a20910-4e1e-76a5-ab81-299f251f9032", "updated_at": "2026-11-23T15:40:44.331391Z", "visibility": "private", "description": "", "spec_version": 1, "specification": {"object_classes": [{"id": "01a20911-15ab-73db-b7c1-f1772d546d79", "name": "cell", "color": "#4392db", "annotation_type": "box"}, {"id": "01a20911-15ab-73db-b7c1-f1788bdaff7c", "name": "dot", "color": "#a0bc24", "annotation_type": "box"}], "image_categories": []}}	2026-11-23 15:40:44.327657+00
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
-- Data for Name: projects; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.projects (id, name, description, data_type, visibility, specification, spec_version, version, guidelines, created_at, updated_at, created_by) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	project e1f5931c4b9e		image	private	{"object_classes": [{"id": "01a20911-15ab-73db-b7c1-f1772d546d79", "name": "cell", "color": "#4392db", "annotation_type": "box"}, {"id": "01a20911-15ab-73db-b7c1-f1788bdaff7c", "name": "dot", "color": "#a0bc24", "annotation_type": "box"}], "image_categories": []}	1	1	0	2026-11-23 15:40:44.331391+00	2026-11-23 15:40:44.331391+00	01a20910-4e1e-76a5-ab81-299f251f9032
\.


--
-- Data for Name: removed_parts; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.removed_parts (project_id, id, kind, name, removed_at) FROM stdin;
\.


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


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
-- Name: projects projects_name_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_name_unique UNIQUE (name);


--
-- Name: projects projects_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);


--
-- Name: removed_parts removed_parts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.removed_parts
    ADD CONSTRAINT removed_parts_pkey PRIMARY KEY (project_id, id);


--
-- Name: failed_messages_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX failed_messages_due ON public.failed_messages USING btree (queue, next_try_at);


--
-- Name: idempotency_keys_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (at);


--
-- Name: projects_public; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX projects_public ON public.projects USING btree (id) WHERE ((visibility)::text = 'public'::text);


--
-- Name: removed_parts removed_parts_project_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.removed_parts
    ADD CONSTRAINT removed_parts_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects(id);


--
-- PostgreSQL database dump complete
--


