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
-- Name: deleted_projects; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.deleted_projects (
    project_id uuid NOT NULL,
    version bigint NOT NULL
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
-- Name: memberships; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.memberships (
    project_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role character varying(20),
    version bigint NOT NULL,
    since timestamp with time zone NOT NULL
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
-- Name: project_role_counts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.project_role_counts (
    project_id uuid NOT NULL,
    manager integer NOT NULL,
    reviewer integer NOT NULL,
    labeler integer NOT NULL
);


--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    device text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);


--
-- Name: team_role_counts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.team_role_counts (
    "only" boolean NOT NULL,
    owner integer NOT NULL,
    admin integer NOT NULL,
    CONSTRAINT team_role_counts_one_row CHECK ("only")
);


--
-- Name: tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tokens (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    id uuid NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    name text NOT NULL,
    password_hash text NOT NULL,
    team_role character varying(20) NOT NULL,
    state character varying(20) NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL
);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.alembic_version (version_num) FROM stdin;
0001
\.


--
-- Data for Name: deleted_projects; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.deleted_projects (project_id, version) FROM stdin;
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
members.add_member	01a20910-4e1e-76a5-ab81-299f251f9032:add_member:ca55d1684d508d20:a3655e00-7963-480e-ae6e-d2aa2fed80c6	\\xa3960ff37ec58382624e957b3eab7303354222e05bc288a0aad8e9434be2562c	{"role": "manager", "user": {"id": "01a20911-1757-73b9-81f4-f602ad4ce603", "name": "Mara", "email": "mara-e1f5931c4b9e@example.com", "state": "active", "version": 1, "team_role": "member", "created_at": "2026-11-23T15:40:44.759057Z"}, "since": "2026-11-23T15:40:44.786909Z", "version": 1, "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63"}	2026-11-23 15:40:44.748846+00
members.add_member	01a20910-4e1e-76a5-ab81-299f251f9032:add_member:ca55d1684d508d20:8e5f88dd-8282-4504-8bfd-8ae32598abd2	\\xca5eaa760a429cf8276270e8d8cbcdd8b51b5faa37ba6ca2de930f0dcdce42c6	{"role": "reviewer", "user": {"id": "01a20911-1a5c-7051-8d4f-c7c815b6b62f", "name": "Rosa", "email": "rosa-e1f5931c4b9e@example.com", "state": "active", "version": 1, "team_role": "member", "created_at": "2026-11-23T15:40:45.532537Z"}, "since": "2026-11-23T15:40:45.588042Z", "version": 1, "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63"}	2026-11-23 15:40:45.511937+00
members.add_member	01a20910-4e1e-76a5-ab81-299f251f9032:add_member:ca55d1684d508d20:e473dd94-d45e-452c-8940-8d70eb040c4f	\\x5a69ac7f72a832d220dba96c81dd1cfa4704ea361fe4bad5aaca1a7774580227	{"role": "labeler", "user": {"id": "01a20911-1cc6-7793-9104-1c33a8954695", "name": "Lena", "email": "lena-e1f5931c4b9e@example.com", "state": "active", "version": 1, "team_role": "member", "created_at": "2026-11-23T15:40:46.150905Z"}, "since": "2026-11-23T15:40:46.166930Z", "version": 1, "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63"}	2026-11-23 15:40:46.145287+00
members.add_member	01a20910-4e1e-76a5-ab81-299f251f9032:add_member:ca55d1684d508d20:024840da-6f87-4e9c-b8ba-b2566eb29aa5	\\xf55d61adbc101cb7ce4ece3231d4170c22754993382b3063f24fbb9e6a3eda5e	{"role": "labeler", "user": {"id": "01a20911-1f1f-7148-8ace-a2cd11594581", "name": "Luca", "email": "luca-e1f5931c4b9e@example.com", "state": "active", "version": 1, "team_role": "member", "created_at": "2026-11-23T15:40:46.751925Z"}, "since": "2026-11-23T15:40:46.779707Z", "version": 1, "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63"}	2026-11-23 15:40:46.744967+00
members.add_member	01a20910-4e1e-76a5-ab81-299f251f9032:add_member:ca55d1684d508d20:cfa26651-afc3-4523-9775-245deba07520	\\xf9de6f5ca52e621acf35245a47f55be28ca6c6cd3fcd6d1fe7ef8fd02f276857	{"role": "labeler", "user": {"id": "01a20911-2199-74a0-870a-254c0066a2bd", "name": "Lin", "email": "lin-e1f5931c4b9e@example.com", "state": "active", "version": 1, "team_role": "member", "created_at": "2026-11-23T15:40:47.385597Z"}, "since": "2026-11-23T15:40:47.399946Z", "version": 1, "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63"}	2026-11-23 15:40:47.380904+00
\.


--
-- Data for Name: inbox; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.inbox (consumer, event_id, at) FROM stdin;
\.


--
-- Data for Name: memberships; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.memberships (project_id, user_id, role, version, since) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1757-73b9-81f4-f602ad4ce603	manager	1	2026-11-23 15:40:44.786909+00
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1a5c-7051-8d4f-c7c815b6b62f	reviewer	1	2026-11-23 15:40:45.588042+00
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1cc6-7793-9104-1c33a8954695	labeler	1	2026-11-23 15:40:46.16693+00
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1f1f-7148-8ace-a2cd11594581	labeler	1	2026-11-23 15:40:46.779707+00
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2199-74a0-870a-254c0066a2bd	labeler	1	2026-11-23 15:40:47.399946+00
\.


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.outbox (id, type, envelope, created_at) FROM stdin;
\.


--
-- Data for Name: project_role_counts; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.project_role_counts (project_id, manager, reviewer, labeler) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	1	1	3
\.


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.sessions (id, user_id, secret_hash, device, created_at, last_used_at, expires_at) FROM stdin;
01a20911-1506-77b0-ba1e-59564c7435e8	01a20910-4e1e-76a5-ab81-299f251f9032	\\x79b56469240cb9261e6ede1432816c9a9a542af4c8bd8db69917cc7eba3f756a	python-httpx/0.28.1	2026-11-23 15:40:44.161913+00	2026-11-23 15:40:44.161913+00	2026-12-07 15:40:44.161913+00
01a20911-1968-770b-974c-2c1f017bcc00	01a20911-1757-73b9-81f4-f602ad4ce603	\\x4821745b09dab21f988a8300b2c2227b56f2b4b3342fd220246671a932e9d0a0	python-httpx/0.28.1	2026-11-23 15:40:45.27849+00	2026-11-23 15:40:45.27849+00	2026-12-07 15:40:45.27849+00
01a20911-1c59-7775-957e-19488ea000ba	01a20911-1a5c-7051-8d4f-c7c815b6b62f	\\xf7e2829a06107cfa24fcc2ed1a598750e7fa99c95349cd72489de9605f41512e	python-httpx/0.28.1	2026-11-23 15:40:46.037043+00	2026-11-23 15:40:46.037043+00	2026-12-07 15:40:46.037043+00
01a20911-1e69-77a1-9596-044577a74170	01a20911-1cc6-7793-9104-1c33a8954695	\\xd85bf7f6e9cad976be6370d4ccf9edffda9e3a31c180f2766606e99d0e9150b6	python-httpx/0.28.1	2026-11-23 15:40:46.568297+00	2026-11-23 15:40:46.568297+00	2026-12-07 15:40:46.568297+00
01a20911-20b2-7635-bda4-982ad0f4806f	01a20911-1f1f-7148-8ace-a2cd11594581	\\x0f622d36471974d7f56e8972b5e89b20da7320edf9e7b92f92ad531b2d662f5d	python-httpx/0.28.1	2026-11-23 15:40:47.152647+00	2026-11-23 15:40:47.152647+00	2026-12-07 15:40:47.152647+00
01a20911-23a0-70e8-8419-0dcf686c8c98	01a20911-2199-74a0-870a-254c0066a2bd	\\x84a27abf22101df949e0afbcb2789861b30e6d0e796edbd042472f3d199c244c	python-httpx/0.28.1	2026-11-23 15:40:47.894993+00	2026-11-23 15:40:47.894993+00	2026-12-07 15:40:47.894993+00
\.


--
-- Data for Name: team_role_counts; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.team_role_counts ("only", owner, admin) FROM stdin;
t	1	0
\.


--
-- Data for Name: tokens; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.tokens (id, user_id, name, secret_hash, created_at, expires_at, last_used_at, revoked_at) FROM stdin;
\.


--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.users (id, email, email_key, name, password_hash, team_role, state, version, created_at) FROM stdin;
01a20910-4e1e-76a5-ab81-299f251f9032	owner@example.com	owner@example.com	owner	$argon2id$v=19$m=19456,t=2,p=1$q5EZ5iz5LwwdIfh+sejE2Q$snCGjRtmOY9fxn2qJysk3vdXZLHmiKrjuUQWX19dl6U	owner	active	1	2026-11-23 15:39:53.246474+00
01a20911-1757-73b9-81f4-f602ad4ce603	mara-e1f5931c4b9e@example.com	mara-e1f5931c4b9e@example.com	Mara	$argon2id$v=19$m=19456,t=2,p=1$qYG5nkIBePxBS1DFeiUulA$xS8JXL3O01c/gP3kffiCeHIulMmbFsDagzy7znLa32U	member	active	1	2026-11-23 15:40:44.759057+00
01a20911-1a5c-7051-8d4f-c7c815b6b62f	rosa-e1f5931c4b9e@example.com	rosa-e1f5931c4b9e@example.com	Rosa	$argon2id$v=19$m=19456,t=2,p=1$UNJP1aJcBwmDcMmudq7OfQ$raY6XQuGHfPKkRgeGLHBiiCupAhTwlJTKCKWK2nniks	member	active	1	2026-11-23 15:40:45.532537+00
01a20911-1cc6-7793-9104-1c33a8954695	lena-e1f5931c4b9e@example.com	lena-e1f5931c4b9e@example.com	Lena	$argon2id$v=19$m=19456,t=2,p=1$PXFKNtq/2xhRXC3pnmMMOQ$pD4XhHaOE41I1gVCNCQjJSz9F0l+I5KB8ecG5OiepRw	member	active	1	2026-11-23 15:40:46.150905+00
01a20911-1f1f-7148-8ace-a2cd11594581	luca-e1f5931c4b9e@example.com	luca-e1f5931c4b9e@example.com	Luca	$argon2id$v=19$m=19456,t=2,p=1$cpfE0MIh572uKaS4gsGgEQ$07+y9pa8y6uvYsr1Ows3XDkQM6xCzIONF1UigP7JXQw	member	active	1	2026-11-23 15:40:46.751925+00
01a20911-2199-74a0-870a-254c0066a2bd	lin-e1f5931c4b9e@example.com	lin-e1f5931c4b9e@example.com	Lin	$argon2id$v=19$m=19456,t=2,p=1$wDiOm2Bq2/rbMyi3id7pNg$IBW6EZlz4AbruVnerAdvwkx4BNbwAOIjSNfhd2thsFU	member	active	1	2026-11-23 15:40:47.385597+00
\.


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: deleted_projects deleted_projects_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.deleted_projects
    ADD CONSTRAINT deleted_projects_pkey PRIMARY KEY (project_id);


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
-- Name: memberships memberships_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_pkey PRIMARY KEY (project_id, user_id);


--
-- Name: outbox outbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);


--
-- Name: project_role_counts project_role_counts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.project_role_counts
    ADD CONSTRAINT project_role_counts_pkey PRIMARY KEY (project_id);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);


--
-- Name: sessions sessions_secret_hash_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_secret_hash_unique UNIQUE (secret_hash);


--
-- Name: team_role_counts team_role_counts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.team_role_counts
    ADD CONSTRAINT team_role_counts_pkey PRIMARY KEY ("only");


--
-- Name: tokens tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);


--
-- Name: tokens tokens_secret_hash_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_secret_hash_unique UNIQUE (secret_hash);


--
-- Name: users users_email_key_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key_unique UNIQUE (email_key);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: failed_messages_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX failed_messages_due ON public.failed_messages USING btree (queue, next_try_at);


--
-- Name: idempotency_keys_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (at);


--
-- Name: memberships_by_role; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX memberships_by_role ON public.memberships USING btree (project_id, role, user_id);


--
-- Name: memberships_of_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX memberships_of_user ON public.memberships USING btree (user_id, project_id) WHERE (role IS NOT NULL);


--
-- Name: sessions_of_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sessions_of_user ON public.sessions USING btree (user_id, expires_at);


--
-- Name: tokens_of_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tokens_of_user ON public.tokens USING btree (user_id, id) WHERE (revoked_at IS NULL);


--
-- Name: memberships memberships_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: sessions sessions_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: tokens tokens_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- PostgreSQL database dump complete
--


