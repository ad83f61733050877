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
-- Name: assets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.assets (
    id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    data_key text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL,
    reason text,
    version integer NOT NULL,
    announced_size bigint NOT NULL,
    announced_sha256 text,
    upload_id uuid NOT NULL,
    object_key text,
    size bigint,
    sha256 text,
    crc32 text,
    width integer,
    height integer,
    content_type text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);


--
-- Name: datasets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.datasets (
    id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL
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
-- Name: imports; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.imports (
    project_id uuid NOT NULL,
    id uuid NOT NULL,
    upload_id uuid NOT NULL,
    format text NOT NULL,
    dataset_id uuid NOT NULL,
    dataset text NOT NULL,
    status text NOT NULL,
    on_error text NOT NULL,
    create_classes boolean NOT NULL,
    state text NOT NULL,
    done integer NOT NULL,
    total integer,
    report jsonb NOT NULL,
    failure text,
    version integer NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone
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
-- Name: label_bodies; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.label_bodies (
    project_id uuid NOT NULL,
    label_id uuid NOT NULL,
    body jsonb NOT NULL
);


--
-- Name: label_history; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.label_history (
    project_id uuid NOT NULL,
    label_id uuid NOT NULL,
    version integer NOT NULL,
    action text NOT NULL,
    actor uuid,
    at timestamp with time zone NOT NULL,
    comment text,
    before jsonb NOT NULL,
    after jsonb NOT NULL
);


--
-- Name: labels; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.labels (
    project_id uuid NOT NULL,
    id uuid NOT NULL,
    asset_id uuid NOT NULL,
    dataset_id uuid NOT NULL,
    dataset text NOT NULL,
    data_key text NOT NULL COLLATE pg_catalog."C",
    width integer NOT NULL,
    height integer NOT NULL,
    status text NOT NULL,
    review text NOT NULL,
    round integer NOT NULL,
    assignee uuid,
    reviewer uuid,
    submitter uuid,
    tags uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    open_issues integer DEFAULT 0 NOT NULL,
    objects jsonb DEFAULT '{}'::jsonb NOT NULL,
    categories jsonb DEFAULT '{}'::jsonb NOT NULL,
    body_digest text,
    version integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    submitted_at timestamp with time zone,
    reviewed_at timestamp with time zone
);


--
-- Name: membership_copies; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.membership_copies (
    project_id uuid NOT NULL,
    user_id uuid NOT NULL,
    version integer NOT NULL,
    role text
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
    version integer NOT NULL,
    deleted boolean NOT NULL,
    specification jsonb NOT NULL
);


--
-- Name: uploads; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.uploads (
    project_id uuid NOT NULL,
    id uuid NOT NULL,
    filename text NOT NULL,
    size bigint NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL
);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.alembic_version (version_num) FROM stdin;
0001
\.


--
-- Data for Name: assets; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.assets (id, dataset_id, data_key, state, reason, version, announced_size, announced_sha256, upload_id, object_key, size, sha256, crc32, width, height, content_type, created_at, updated_at) FROM stdin;
01a20911-248c-7192-a368-50cf4916a802	01a20911-2488-7204-bf4a-830f9bcfcdf1	0000.png	stored	\N	2	9332	d7ff71914373d9225b9e0501e5777d986f772f89da4ed974380f0ded1cadf903	01a20911-248c-7192-a368-50d0f6d4c949	assets/01a20911-2488-7204-bf4a-830f9bcfcdf1/01a20911-248c-7192-a368-50cf4916a802/d7ff71914373d9225b9e0501e5777d986f772f89da4ed974380f0ded1cadf903	9332	d7ff71914373d9225b9e0501e5777d986f772f89da4ed974380f0ded1cadf903	4a898ca0	64	48	image/png	2026-11-23 15:40:48.140847+00	2026-11-23 15:40:48.540642+00
01a20911-248c-7192-a368-50d159fe984d	01a20911-2488-7204-bf4a-830f9bcfcdf1	0001.png	stored	\N	2	9332	787fd204c9596894f61a385449d48aabdfab4684928696d4f9478f634cedad34	01a20911-248c-7192-a368-50d2625edb65	assets/01a20911-2488-7204-bf4a-830f9bcfcdf1/01a20911-248c-7192-a368-50d159fe984d/787fd204c9596894f61a385449d48aabdfab4684928696d4f9478f634cedad34	9332	787fd204c9596894f61a385449d48aabdfab4684928696d4f9478f634cedad34	d1cb128a	64	48	image/png	2026-11-23 15:40:48.140847+00	2026-11-23 15:40:48.540684+00
01a20911-248c-7192-a368-50d3565be746	01a20911-2488-7204-bf4a-830f9bcfcdf1	0002.png	stored	\N	2	9332	01bada11ab417c77044fdc5a0c8f4855fc24a9b24c3b7f114e12a04b5524da3f	01a20911-248c-7192-a368-50d409261e07	assets/01a20911-2488-7204-bf4a-830f9bcfcdf1/01a20911-248c-7192-a368-50d3565be746/01bada11ab417c77044fdc5a0c8f4855fc24a9b24c3b7f114e12a04b5524da3f	9332	01bada11ab417c77044fdc5a0c8f4855fc24a9b24c3b7f114e12a04b5524da3f	c4706447	64	48	image/png	2026-11-23 15:40:48.140847+00	2026-11-23 15:40:48.540694+00
01a20911-248c-7192-a368-50d56577fc80	01a20911-2488-7204-bf4a-830f9bcfcdf1	0003.png	stored	\N	2	9332	b216a9cf5687744858d9db17fb0de593cd2eb8130e32fb408be17ad32d97b78c	01a20911-248c-7192-a368-50d6bf011997	assets/01a20911-2488-7204-bf4a-830f9bcfcdf1/01a20911-248c-7192-a368-50d56577fc80/b216a9cf5687744858d9db17fb0de593cd2eb8130e32fb408be17ad32d97b78c	9332	b216a9cf5687744858d9db17fb0de593cd2eb8130e32fb408be17ad32d97b78c	7c1be477	64	48	image/png	2026-11-23 15:40:48.140847+00	2026-11-23 15:40:48.540704+00
\.


--
-- Data for Name: datasets; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.datasets (id, name, created_at) FROM stdin;
01a20911-2488-7204-bf4a-830f9bcfcdf1	dataset e1f5931c4b9e	2026-11-23 15:40:48.136972+00
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
labels.register_assets	01a20910-4e1e-76a5-ab81-299f251f9032:register_assets:a8f1f3ef6ba086ad:83f5dc83-061a-41d3-ad28-e1fd26f19faa	\\x5b83546ac08c4362c0f600404dac9e99242cd6a4afb62ed40512010f3f715f51	{"items": [{"code": null, "asset": {"id": "01a20911-248c-7192-a368-50cf4916a802", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0000.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}, "detail": null, "upload": {"url": "http://127.0.0.1:31629/labelyard", "fields": {"key": "assets/01a20911-2488-7204-bf4a-830f9bcfcdf1/01a20911-248c-7192-a368-50cf4916a802/01a20911-248c-7192-a368-50d0f6d4c949", "policy": "eyJleHBpcmF0aW9uIjogIjIwMjYtMTEtMjNUMjE6NDA6NDguMTYyWiIsICJjb25kaXRpb25zIjogW1siZXEiLCAiJGJ1Y2tldCIsICJsYWJlbHlhcmQiXSwgWyJlcSIsICIka2V5IiwgImFzc2V0cy8wMWEyMDkxMS0yNDg4LTcyMDQtYmY0YS04MzBmOWJjZmNkZjEvMDFhMjA5MTEtMjQ4Yy03MTkyLWEzNjgtNTBjZjQ5MTZhODAyLzAxYTIwOTExLTI0OGMtNzE5Mi1hMzY4LTUwZDBmNmQ0Yzk0OSJdLCBbImNvbnRlbnQtbGVuZ3RoLXJhbmdlIiwgOTMzMiwgOTMzMl0sIFsiZXEiLCAiJHgtYW16LWFsZ29yaXRobSIsICJBV1M0LUhNQUMtU0hBMjU2Il0sIFsiZXEiLCAiJHgtYW16LWNyZWRlbnRpYWwiLCAiXy15VUQ3d3E3WnU4b1VRRkxmN0I4NndMT2xKakMtLVovMjAyNjExMjMvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJdLCBbImVxIiwgIiR4LWFtei1kYXRlIiwgIjIwMjYxMTIzVDE1NDA0OFoiXV19", "x-amz-date": "20261123T154048Z", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-signature": "7c608728a1c34353ad64d6c66b4749c87ff3b2154739ea68ad8fe2476dbc760f", "x-amz-credential": "_-yUD7wq7Zu8oUQFLf7B86wLOlJjC--Z/20261123/us-east-1/s3/aws4_request"}, "expires_at": "2026-11-23T21:40:48.162436Z"}, "data_key": "0000.png"}, {"code": null, "asset": {"id": "01a20911-248c-7192-a368-50d159fe984d", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0001.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}, "detail": null, "upload": {"url": "http://127.0.0.1:31629/labelyard", "fields": {"key": "assets/01a20911-2488-7204-bf4a-830f9bcfcdf1/01a20911-248c-7192-a368-50d159fe984d/01a20911-248c-7192-a368-50d2625edb65", "policy": "eyJleHBpcmF0aW9uIjogIjIwMjYtMTEtMjNUMjE6NDA6NDguMTYyWiIsICJjb25kaXRpb25zIjogW1siZXEiLCAiJGJ1Y2tldCIsICJsYWJlbHlhcmQiXSwgWyJlcSIsICIka2V5IiwgImFzc2V0cy8wMWEyMDkxMS0yNDg4LTcyMDQtYmY0YS04MzBmOWJjZmNkZjEvMDFhMjA5MTEtMjQ4Yy03MTkyLWEzNjgtNTBkMTU5ZmU5ODRkLzAxYTIwOTExLTI0OGMtNzE5Mi1hMzY4LTUwZDI2MjVlZGI2NSJdLCBbImNvbnRlbnQtbGVuZ3RoLXJhbmdlIiwgOTMzMiwgOTMzMl0sIFsiZXEiLCAiJHgtYW16LWFsZ29yaXRobSIsICJBV1M0LUhNQUMtU0hBMjU2Il0sIFsiZXEiLCAiJHgtYW16LWNyZWRlbnRpYWwiLCAiXy15VUQ3d3E3WnU4b1VRRkxmN0I4NndMT2xKakMtLVovMjAyNjExMjMvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJdLCBbImVxIiwgIiR4LWFtei1kYXRlIiwgIjIwMjYxMTIzVDE1NDA0OFoiXV19", "x-amz-date": "20261123T154048Z", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-signature": "67a18d16fc49d72c5a575cdfbb5b6bb82e9c8765c97464566f013678801b5e82", "x-amz-credential": "_-yUD7wq7Zu8oUQFLf7B86wLOlJjC--Z/20261123/us-east-1/s3/aws4_request"}, "expires_at": "2026-11-23T21:40:48.162687Z"}, "data_key": "0001.png"}, {"code": null, "asset": {"id": "01a20911-248c-7192-a368-50d3565be746", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0002.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}, "detail": null, "upload": {"url": "http://127.0.0.1:31629/labelyard", "fields": {"key": "assets/01a20911-2488-7204-bf4a-830f9bcfcdf1/01a20911-248c-7192-a368-50d3565be746/01a20911-248c-7192-a368-50d409261e07", "policy": "eyJleHBpcmF0aW9uIjogIjIwMjYtMTEtMjNUMjE6NDA6NDguMTYyWiIsICJjb25kaXRpb25zIjogW1siZXEiLCAiJGJ1Y2tldCIsICJsYWJlbHlhcmQiXSwgWyJlcSIsICIka2V5IiwgImFzc2V0cy8wMWEyMDkxMS0yNDg4LTcyMDQtYmY0YS04MzBmOWJjZmNkZjEvMDFhMjA5MTEtMjQ4Yy03MTkyLWEzNjgtNTBkMzU2NWJlNzQ2LzAxYTIwOTExLTI0OGMtNzE5Mi1hMzY4LTUwZDQwOTI2MWUwNyJdLCBbImNvbnRlbnQtbGVuZ3RoLXJhbmdlIiwgOTMzMiwgOTMzMl0sIFsiZXEiLCAiJHgtYW16LWFsZ29yaXRobSIsICJBV1M0LUhNQUMtU0hBMjU2Il0sIFsiZXEiLCAiJHgtYW16LWNyZWRlbnRpYWwiLCAiXy15VUQ3d3E3WnU4b1VRRkxmN0I4NndMT2xKakMtLVovMjAyNjExMjMvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJdLCBbImVxIiwgIiR4LWFtei1kYXRlIiwgIjIwMjYxMTIzVDE1NDA0OFoiXV19", "x-amz-date": "20261123T154048Z", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-signature": "86beadffc6d12e6e29d71ec73db3ed686edf40d7927193484f5e04afb096a48b", "x-amz-credential": "_-yUD7wq7Zu8oUQFLf7B86wLOlJjC--Z/20261123/us-east-1/s3/aws4_request"}, "expires_at": "2026-11-23T21:40:48.162773Z"}, "data_key": "0002.png"}, {"code": null, "asset": {"id": "01a20911-248c-7192-a368-50d56577fc80", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0003.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}, "detail": null, "upload": {"url": "http://127.0.0.1:31629/labelyard", "fields": {"key": "assets/01a20911-2488-7204-bf4a-830f9bcfcdf1/01a20911-248c-7192-a368-50d56577fc80/01a20911-248c-7192-a368-50d6bf011997", "policy": "eyJleHBpcmF0aW9uIjogIjIwMjYtMTEtMjNUMjE6NDA6NDguMTYyWiIsICJjb25kaXRpb25zIjogW1siZXEiLCAiJGJ1Y2tldCIsICJsYWJlbHlhcmQiXSwgWyJlcSIsICIka2V5IiwgImFzc2V0cy8wMWEyMDkxMS0yNDg4LTcyMDQtYmY0YS04MzBmOWJjZmNkZjEvMDFhMjA5MTEtMjQ4Yy03MTkyLWEzNjgtNTBkNTY1NzdmYzgwLzAxYTIwOTExLTI0OGMtNzE5Mi1hMzY4LTUwZDZiZjAxMTk5NyJdLCBbImNvbnRlbnQtbGVuZ3RoLXJhbmdlIiwgOTMzMiwgOTMzMl0sIFsiZXEiLCAiJHgtYW16LWFsZ29yaXRobSIsICJBV1M0LUhNQUMtU0hBMjU2Il0sIFsiZXEiLCAiJHgtYW16LWNyZWRlbnRpYWwiLCAiXy15VUQ3d3E3WnU4b1VRRkxmN0I4NndMT2xKakMtLVovMjAyNjExMjMvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJdLCBbImVxIiwgIiR4LWFtei1kYXRlIiwgIjIwMjYxMTIzVDE1NDA0OFoiXV19", "x-amz-date": "20261123T154048Z", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-signature": "cfc315654b41e80331fc7d722092fd6db0ed46a1f7a862b01ca229ed98ef5536", "x-amz-credential": "_-yUD7wq7Zu8oUQFLf7B86wLOlJjC--Z/20261123/us-east-1/s3/aws4_request"}, "expires_at": "2026-11-23T21:40:48.162840Z"}, "data_key": "0003.png"}]}	2026-11-23 15:40:48.095281+00
labels.complete_assets	01a20910-4e1e-76a5-ab81-299f251f9032:complete_assets:8b20a943473aa11f:17cf1e1c-a6d0-46db-a917-f75929336a57	\\x547f3d042023ba3c301e24c6f724a16623f8b1140c33106a19006b0effc0f57f	{"next": null, "items": [{"id": "01a20911-248c-7192-a368-50cf4916a802", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0000.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}, {"id": "01a20911-248c-7192-a368-50d159fe984d", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0001.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}, {"id": "01a20911-248c-7192-a368-50d3565be746", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0002.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}, {"id": "01a20911-248c-7192-a368-50d56577fc80", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0003.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}]}	2026-11-23 15:40:48.270153+00
labels.complete_assets	01a20910-4e1e-76a5-ab81-299f251f9032:complete_assets:8b20a943473aa11f:196378ca-915d-4659-96c1-595078e6578a	\\x2fa045763b366201ad482c6b855366e273b2aaafc9ccb691a8599104053888c6	{"next": null, "items": [{"id": "01a20911-248c-7192-a368-50d3565be746", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0002.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}, {"id": "01a20911-248c-7192-a368-50cf4916a802", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0000.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}, {"id": "01a20911-248c-7192-a368-50d56577fc80", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0003.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}, {"id": "01a20911-248c-7192-a368-50d159fe984d", "size": null, "crc32": null, "state": "registered", "width": null, "height": null, "reason": null, "sha256": null, "dataset": "dataset e1f5931c4b9e", "version": 1, "data_key": "0001.png", "created_at": "2026-11-23T15:40:48.140847Z", "dataset_id": "01a20911-2488-7204-bf4a-830f9bcfcdf1", "content_type": "image/png"}]}	2026-11-23 15:40:48.306079+00
labels.add_labels	01a20910-4e1e-76a5-ab81-299f251f9032:add_labels:6eccbcf224a374b2:f38ef351-910b-40fe-85f6-af7362a9470e	\\x9f2a9cb7456cad7f31e3500621d09bc5d2954e528af5356c2dc4bb60c215b375	{"ids": ["01a20911-2719-725d-97f1-7243e56b3a5f", "01a20911-2719-725d-97f1-724414f40243", "01a20911-2719-725d-97f1-7245c02508b6", "01a20911-2719-725d-97f1-7246cf65a75e"], "created": 4, "existing": 0}	2026-11-23 15:40:48.756174+00
labels.act_on_label	01a20911-1757-73b9-81f4-f602ad4ce603:assign:95d9f73ea7a730ee:3d7a1e5b-bf31-42a1-92b4-996c832307bf	\\x6d2565efb377d551fe46a9d9742bf6a2189f20f81785195c6d4d3ad487431e60	{"id": "01a20911-2719-725d-97f1-7243e56b3a5f", "tags": [], "round": 0, "width": 64, "height": 48, "review": "not_submitted", "status": "in_progress", "dataset": "dataset e1f5931c4b9e", "objects": {}, "version": 2, "asset_id": "01a20911-248c-7192-a368-50cf4916a802", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0000.png", "reviewer": null, "submitter": null, "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:48.864031Z", "open_issues": 0, "reviewed_at": null, "submitted_at": null}	2026-11-23 15:40:48.863186+00
labels.save_body	01a20911-1cc6-7793-9104-1c33a8954695:save_body:a02da2a42ab64481:9d7565ad-edaf-4f2f-ad23-c9cfb66a0436	\\xbf3de3e93e927ab473df47fb9d292e8aac3886e53d3c92d786fbeb7dbba72fae	{"id": "01a20911-2719-725d-97f1-7243e56b3a5f", "tags": [], "round": 0, "width": 64, "height": 48, "review": "not_submitted", "status": "in_progress", "dataset": "dataset e1f5931c4b9e", "objects": {}, "version": 3, "asset_id": "01a20911-248c-7192-a368-50cf4916a802", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0000.png", "reviewer": null, "submitter": null, "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:48.992496Z", "open_issues": 0, "reviewed_at": null, "submitted_at": null}	2026-11-23 15:40:48.976728+00
labels.act_on_label	01a20911-1757-73b9-81f4-f602ad4ce603:assign:abd9ff6448da2582:1a6a2205-e10e-4e45-8026-974a60ea98bc	\\x35681f2803db41eb021a2c59e04b78a47c4b4ae2bbb0d08cbf6131b26c597dac	{"id": "01a20911-2719-725d-97f1-724414f40243", "tags": [], "round": 0, "width": 64, "height": 48, "review": "not_submitted", "status": "in_progress", "dataset": "dataset e1f5931c4b9e", "objects": {}, "version": 2, "asset_id": "01a20911-248c-7192-a368-50d159fe984d", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0001.png", "reviewer": null, "submitter": null, "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:49.115817Z", "open_issues": 0, "reviewed_at": null, "submitted_at": null}	2026-11-23 15:40:49.097245+00
labels.save_body	01a20911-1cc6-7793-9104-1c33a8954695:save_body:afc43bead4a4a0c1:172e87ca-640e-4437-92f7-45ee8af18f70	\\x47d0f7283d4ada32ab34bd41ec9af45a036af1562b64dfe63ce5b28d5962546c	{"id": "01a20911-2719-725d-97f1-724414f40243", "tags": [], "round": 0, "width": 64, "height": 48, "review": "not_submitted", "status": "in_progress", "dataset": "dataset e1f5931c4b9e", "objects": {"01a20911-15ab-73db-b7c1-f1772d546d79": 1}, "version": 3, "asset_id": "01a20911-248c-7192-a368-50d159fe984d", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0001.png", "reviewer": null, "submitter": null, "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:49.182444Z", "open_issues": 0, "reviewed_at": null, "submitted_at": null}	2026-11-23 15:40:49.174428+00
labels.act_on_label	01a20911-1757-73b9-81f4-f602ad4ce603:assign:2d7f4c84f1670429:a76c515a-16dd-4b8a-bede-58ba4feeec64	\\x3bc418217c0009cd83b45cc0693d189090481d889200d96a07ebd04cccb2b91d	{"id": "01a20911-2719-725d-97f1-7245c02508b6", "tags": [], "round": 0, "width": 64, "height": 48, "review": "not_submitted", "status": "in_progress", "dataset": "dataset e1f5931c4b9e", "objects": {}, "version": 2, "asset_id": "01a20911-248c-7192-a368-50d3565be746", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0002.png", "reviewer": null, "submitter": null, "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:49.222739Z", "open_issues": 0, "reviewed_at": null, "submitted_at": null}	2026-11-23 15:40:49.222088+00
labels.save_body	01a20911-1cc6-7793-9104-1c33a8954695:save_body:a73a3d3ba276f350:5f88532c-fabc-4257-9fef-9c4358909d02	\\x6211d0bfea78b91592d2b9bcb861443831cfd1d6cf95adbe73ebd6a448749638	{"id": "01a20911-2719-725d-97f1-7245c02508b6", "tags": [], "round": 0, "width": 64, "height": 48, "review": "not_submitted", "status": "in_progress", "dataset": "dataset e1f5931c4b9e", "objects": {"01a20911-15ab-73db-b7c1-f1772d546d79": 2}, "version": 3, "asset_id": "01a20911-248c-7192-a368-50d3565be746", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0002.png", "reviewer": null, "submitter": null, "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:49.264347Z", "open_issues": 0, "reviewed_at": null, "submitted_at": null}	2026-11-23 15:40:49.259472+00
labels.act_on_label	01a20911-1757-73b9-81f4-f602ad4ce603:assign:052bafebdc502901:281615bf-f3e1-48cf-93a1-b03158cae9bd	\\xb03f490814fb69720dbaedb6aafa90e9cd2d3210b42d5d04a4bce2da649d1453	{"id": "01a20911-2719-725d-97f1-7246cf65a75e", "tags": [], "round": 0, "width": 64, "height": 48, "review": "not_submitted", "status": "in_progress", "dataset": "dataset e1f5931c4b9e", "objects": {}, "version": 2, "asset_id": "01a20911-248c-7192-a368-50d56577fc80", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0003.png", "reviewer": null, "submitter": null, "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:49.305138Z", "open_issues": 0, "reviewed_at": null, "submitted_at": null}	2026-11-23 15:40:49.304492+00
labels.save_body	01a20911-1cc6-7793-9104-1c33a8954695:save_body:7381f67e4b5706da:7a06ec77-2cf0-4206-9afc-0286cba681f1	\\x298c9473a92b93499fa940572e95febe370de479f5cde969c4d9f0aee3fa1ccb	{"id": "01a20911-2719-725d-97f1-7246cf65a75e", "tags": [], "round": 0, "width": 64, "height": 48, "review": "not_submitted", "status": "in_progress", "dataset": "dataset e1f5931c4b9e", "objects": {"01a20911-15ab-73db-b7c1-f1772d546d79": 3}, "version": 3, "asset_id": "01a20911-248c-7192-a368-50d56577fc80", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0003.png", "reviewer": null, "submitter": null, "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:49.341875Z", "open_issues": 0, "reviewed_at": null, "submitted_at": null}	2026-11-23 15:40:49.338374+00
labels.act_on_label	01a20911-1cc6-7793-9104-1c33a8954695:submit:0f3c7fe4e26072db:9e759064-c4cf-4e3f-a4ca-b221bcbc8bc6	\\x0b0c591ba2e7adcf71b4470d6eedea5546f4df41f67083b5e6295ac63be08496	{"id": "01a20911-2719-725d-97f1-724414f40243", "tags": [], "round": 1, "width": 64, "height": 48, "review": "pending_review", "status": "submitted", "dataset": "dataset e1f5931c4b9e", "objects": {"01a20911-15ab-73db-b7c1-f1772d546d79": 1}, "version": 4, "asset_id": "01a20911-248c-7192-a368-50d159fe984d", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0001.png", "reviewer": null, "submitter": "01a20911-1cc6-7793-9104-1c33a8954695", "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:49.373504Z", "open_issues": 0, "reviewed_at": null, "submitted_at": "2026-11-23T15:40:49.373504Z"}	2026-11-23 15:40:49.372816+00
labels.act_on_label	01a20911-1cc6-7793-9104-1c33a8954695:skip:8d1172c94996e870:62f15903-734e-4268-8ea2-58ff749dd777	\\x82055709d1e5cf2d071ad66192211f7e42f1ce302e1d10e9e4976a9febbfa099	{"id": "01a20911-2719-725d-97f1-7245c02508b6", "tags": [], "round": 1, "width": 64, "height": 48, "review": "pending_review", "status": "skipped", "dataset": "dataset e1f5931c4b9e", "objects": {"01a20911-15ab-73db-b7c1-f1772d546d79": 2}, "version": 4, "asset_id": "01a20911-248c-7192-a368-50d3565be746", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0002.png", "reviewer": null, "submitter": "01a20911-1cc6-7793-9104-1c33a8954695", "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:49.426734Z", "open_issues": 0, "reviewed_at": null, "submitted_at": "2026-11-23T15:40:49.426734Z"}	2026-11-23 15:40:49.42442+00
labels.act_on_label	01a20911-1cc6-7793-9104-1c33a8954695:submit:3291f3919c2ac883:df4ed713-b304-4d1a-ae07-62c3eddd8b92	\\xd50b6863ec2e550d22b06c35ac47963c46629965013b16ebebf1636f0d3516aa	{"id": "01a20911-2719-725d-97f1-7246cf65a75e", "tags": [], "round": 1, "width": 64, "height": 48, "review": "pending_review", "status": "submitted", "dataset": "dataset e1f5931c4b9e", "objects": {"01a20911-15ab-73db-b7c1-f1772d546d79": 3}, "version": 4, "asset_id": "01a20911-248c-7192-a368-50d56577fc80", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0003.png", "reviewer": null, "submitter": "01a20911-1cc6-7793-9104-1c33a8954695", "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:49.468642Z", "open_issues": 0, "reviewed_at": null, "submitted_at": "2026-11-23T15:40:49.468642Z"}	2026-11-23 15:40:49.467913+00
labels.act_on_label	01a20911-1a5c-7051-8d4f-c7c815b6b62f:reject:421714a9c6ac6d46:40f708e5-08f6-4dc7-af08-2598e7df9baa	\\x825ddc5b6fdbd471d3470ae362dbcbcfa9f73326da2a4c5c087879f6e3e1dd18	{"id": "01a20911-2719-725d-97f1-7246cf65a75e", "tags": [], "round": 1, "width": 64, "height": 48, "review": "rejected", "status": "in_progress", "dataset": "dataset e1f5931c4b9e", "objects": {"01a20911-15ab-73db-b7c1-f1772d546d79": 3}, "version": 5, "asset_id": "01a20911-248c-7192-a368-50d56577fc80", "assignee": "01a20911-1cc6-7793-9104-1c33a8954695", "data_key": "0003.png", "reviewer": null, "submitter": "01a20911-1cc6-7793-9104-1c33a8954695", "created_at": "2026-11-23T15:40:48.781569Z", "project_id": "01a20911-15ab-73db-b7c1-f1795af33e63", "updated_at": "2026-11-23T15:40:49.546581Z", "open_issues": 0, "reviewed_at": "2026-11-23T15:40:49.546581Z", "submitted_at": "2026-11-23T15:40:49.468642Z"}	2026-11-23 15:40:49.545601+00
\.


--
-- Data for Name: imports; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.imports (project_id, id, upload_id, format, dataset_id, dataset, status, on_error, create_classes, state, done, total, report, failure, version, created_by, created_at, ended_at) FROM stdin;
\.


--
-- Data for Name: inbox; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.inbox (consumer, event_id, at) FROM stdin;
\.


--
-- Data for Name: label_bodies; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.label_bodies (project_id, label_id, body) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-724414f40243	{"objects": [{"id": "b3815ade-5b24-4066-8cca-b0e4cc571b7c", "class_id": "01a20911-15ab-73db-b7c1-f1772d546d79", "annotation": {"meta": {"z_index": 1}, "coord": {"x": 1.0, "y": 2.0, "width": 10.0, "height": 20.0}, "multiple": false}, "properties": [], "annotation_type": "box"}], "categories": {"properties": []}}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7245c02508b6	{"objects": [{"id": "ef3c2e63-c15d-481a-b359-91db4906220c", "class_id": "01a20911-15ab-73db-b7c1-f1772d546d79", "annotation": {"meta": {"z_index": 1}, "coord": {"x": 1.0, "y": 2.0, "width": 10.0, "height": 20.0}, "multiple": false}, "properties": [], "annotation_type": "box"}, {"id": "9da6a5e2-2699-49c2-8749-63befe92b3e7", "class_id": "01a20911-15ab-73db-b7c1-f1772d546d79", "annotation": {"meta": {"z_index": 1}, "coord": {"x": 2.0, "y": 2.0, "width": 10.0, "height": 20.0}, "multiple": false}, "properties": [], "annotation_type": "box"}], "categories": {"properties": []}}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7246cf65a75e	{"objects": [{"id": "f28b1aa3-2b2c-4201-b0b6-be3c44b4fd0d", "class_id": "01a20911-15ab-73db-b7c1-f1772d546d79", "annotation": {"meta": {"z_index": 1}, "coord": {"x": 1.0, "y": 2.0, "width": 10.0, "height": 20.0}, "multiple": false}, "properties": [], "annotation_type": "box"}, {"id": "137223ff-9b2e-4a7e-861e-cb21d10f9db2", "class_id": "01a20911-15ab-73db-b7c1-f1772d546d79", "annotation": {"meta": {"z_index": 1}, "coord": {"x": 2.0, "y": 2.0, "width": 10.0, "height": 20.0}, "multiple": false}, "properties": [], "annotation_type": "box"}, {"id": "5ae3cb33-8785-4510-bb6e-7f3c5b78c271", "class_id": "01a20911-15ab-73db-b7c1-f1772d546d79", "annotation": {"meta": {"z_index": 1}, "coord": {"x": 3.0, "y": 2.0, "width": 10.0, "height": 20.0}, "multiple": false}, "properties": [], "annotation_type": "box"}], "categories": {"properties": []}}
\.


--
-- Data for Name: label_history; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.label_history (project_id, label_id, version, action, actor, at, comment, before, after) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7243e56b3a5f	1	add	01a20910-4e1e-76a5-ab81-299f251f9032	2026-11-23 15:40:48.781569+00	\N	{}	{"round": 0, "review": "not_submitted", "status": "in_progress"}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-724414f40243	1	add	01a20910-4e1e-76a5-ab81-299f251f9032	2026-11-23 15:40:48.781569+00	\N	{}	{"round": 0, "review": "not_submitted", "status": "in_progress"}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7245c02508b6	1	add	01a20910-4e1e-76a5-ab81-299f251f9032	2026-11-23 15:40:48.781569+00	\N	{}	{"round": 0, "review": "not_submitted", "status": "in_progress"}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7246cf65a75e	1	add	01a20910-4e1e-76a5-ab81-299f251f9032	2026-11-23 15:40:48.781569+00	\N	{}	{"round": 0, "review": "not_submitted", "status": "in_progress"}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7243e56b3a5f	2	assign_labeler	01a20911-1757-73b9-81f4-f602ad4ce603	2026-11-23 15:40:48.864031+00	\N	{"assignee": null}	{"assignee": "01a20911-1cc6-7793-9104-1c33a8954695"}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7243e56b3a5f	3	edit_body	01a20911-1cc6-7793-9104-1c33a8954695	2026-11-23 15:40:48.992496+00	\N	{"body": {"digest": null, "objects": {}}}	{"body": {"added": 0, "digest": null, "changed": 0, "objects": {}, "removed": 0}}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-724414f40243	2	assign_labeler	01a20911-1757-73b9-81f4-f602ad4ce603	2026-11-23 15:40:49.115817+00	\N	{"assignee": null}	{"assignee": "01a20911-1cc6-7793-9104-1c33a8954695"}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-724414f40243	3	edit_body	01a20911-1cc6-7793-9104-1c33a8954695	2026-11-23 15:40:49.182444+00	\N	{"body": {"digest": null, "objects": {}}}	{"body": {"added": 1, "digest": "5cd0ac13cf369688d44c1d20a102b353d8abc531a17b66b826953de28f104926", "changed": 0, "objects": {"01a20911-15ab-73db-b7c1-f1772d546d79": 1}, "removed": 0}}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7245c02508b6	2	assign_labeler	01a20911-1757-73b9-81f4-f602ad4ce603	2026-11-23 15:40:49.222739+00	\N	{"assignee": null}	{"assignee": "01a20911-1cc6-7793-9104-1c33a8954695"}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7245c02508b6	3	edit_body	01a20911-1cc6-7793-9104-1c33a8954695	2026-11-23 15:40:49.264347+00	\N	{"body": {"digest": null, "objects": {}}}	{"body": {"added": 2, "digest": "33c099c2d230eff718d3903162aea8affe6df4e9a0690ba80cb3f33c7ac49cb9", "changed": 0, "objects": {"01a20911-15ab-73db-b7c1-f1772d546d79": 2}, "removed": 0}}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7246cf65a75e	2	assign_labeler	01a20911-1757-73b9-81f4-f602ad4ce603	2026-11-23 15:40:49.305138+00	\N	{"assignee": null}	{"assignee": "01a20911-1cc6-7793-9104-1c33a8954695"}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7246cf65a75e	3	edit_body	01a20911-1cc6-7793-9104-1c33a8954695	2026-11-23 15:40:49.341875+00	\N	{"body": {"digest": null, "objects": {}}}	{"body": {"added": 3, "digest": "9c8da7bd4f8da15f15a704b1f6759213974d48cac449ea49070ff2b0f13199c2", "changed": 0, "objects": {"01a20911-15ab-73db-b7c1-f1772d546d79": 3}, "removed": 0}}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-724414f40243	4	submit	01a20911-1cc6-7793-9104-1c33a8954695	2026-11-23 15:40:49.373504+00	\N	{"round": 0, "review": "not_submitted", "status": "in_progress", "submitter": null}	{"round": 1, "review": "pending_review", "status": "submitted", "submitter": "01a20911-1cc6-7793-9104-1c33a8954695"}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7245c02508b6	4	skip	01a20911-1cc6-7793-9104-1c33a8954695	2026-11-23 15:40:49.426734+00	\N	{"round": 0, "review": "not_submitted", "status": "in_progress", "submitter": null}	{"round": 1, "review": "pending_review", "status": "skipped", "submitter": "01a20911-1cc6-7793-9104-1c33a8954695"}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7246cf65a75e	4	submit	01a20911-1cc6-7793-9104-1c33a8954695	2026-11-23 15:40:49.468642+00	\N	{"round": 0, "review": "not_submitted", "status": "in_progress", "submitter": null}	{"round": 1, "review": "pending_review", "status": "submitted", "submitter": "01a20911-1cc6-7793-9104-1c33a8954695"}
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7246cf65a75e	5	reject	01a20911-1a5c-7051-8d4f-c7c815b6b62f	2026-11-23 15:40:49.546581+00	Look again.	{"review": "pending_review", "status": "submitted"}	{"review": "rejected", "status": "in_progress"}
\.


--
-- Data for Name: labels; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.labels (project_id, id, asset_id, dataset_id, dataset, data_key, width, height, status, review, round, assignee, reviewer, submitter, tags, open_issues, objects, categories, body_digest, version, created_at, updated_at, submitted_at, reviewed_at) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7243e56b3a5f	01a20911-248c-7192-a368-50cf4916a802	01a20911-2488-7204-bf4a-830f9bcfcdf1	dataset e1f5931c4b9e	0000.png	64	48	in_progress	not_submitted	0	01a20911-1cc6-7793-9104-1c33a8954695	\N	\N	{}	0	{}	{}	\N	3	2026-11-23 15:40:48.781569+00	2026-11-23 15:40:48.992496+00	\N	\N
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-724414f40243	01a20911-248c-7192-a368-50d159fe984d	01a20911-2488-7204-bf4a-830f9bcfcdf1	dataset e1f5931c4b9e	0001.png	64	48	submitted	pending_review	1	01a20911-1cc6-7793-9104-1c33a8954695	\N	01a20911-1cc6-7793-9104-1c33a8954695	{}	0	{"01a20911-15ab-73db-b7c1-f1772d546d79": 1}	{}	5cd0ac13cf369688d44c1d20a102b353d8abc531a17b66b826953de28f104926	4	2026-11-23 15:40:48.781569+00	2026-11-23 15:40:49.373504+00	2026-11-23 15:40:49.373504+00	\N
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7245c02508b6	01a20911-248c-7192-a368-50d3565be746	01a20911-2488-7204-bf4a-830f9bcfcdf1	dataset e1f5931c4b9e	0002.png	64	48	skipped	pending_review	1	01a20911-1cc6-7793-9104-1c33a8954695	\N	01a20911-1cc6-7793-9104-1c33a8954695	{}	0	{"01a20911-15ab-73db-b7c1-f1772d546d79": 2}	{}	33c099c2d230eff718d3903162aea8affe6df4e9a0690ba80cb3f33c7ac49cb9	4	2026-11-23 15:40:48.781569+00	2026-11-23 15:40:49.426734+00	2026-11-23 15:40:49.426734+00	\N
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2719-725d-97f1-7246cf65a75e	01a20911-248c-7192-a368-50d56577fc80	01a20911-2488-7204-bf4a-830f9bcfcdf1	dataset e1f5931c4b9e	0003.png	64	48	in_progress	rejected	1	01a20911-1cc6-7793-9104-1c33a8954695	\N	01a20911-1cc6-7793-9104-1c33a8954695	{}	0	{"01a20911-15ab-73db-b7c1-f1772d546d79": 3}	{}	9c8da7bd4f8da15f15a704b1f6759213974d48cac449ea49070ff2b0f13199c2	5	2026-11-23 15:40:48.781569+00	2026-11-23 15:40:49.546581+00	2026-11-23 15:40:49.468642+00	2026-11-23 15:40:49.546581+00
\.


--
-- Data for Name: membership_copies; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.membership_copies (project_id, user_id, version, role) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1757-73b9-81f4-f602ad4ce603	1	manager
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1a5c-7051-8d4f-c7c815b6b62f	1	reviewer
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1cc6-7793-9104-1c33a8954695	1	labeler
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-1f1f-7148-8ace-a2cd11594581	1	labeler
01a20911-15ab-73db-b7c1-f1795af33e63	01a20911-2199-74a0-870a-254c0066a2bd	1	labeler
\.


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.outbox (id, type, envelope, created_at) FROM stdin;
\.


--
-- Data for Name: project_copies; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.project_copies (project_id, version, deleted, specification) FROM stdin;
01a20911-15ab-73db-b7c1-f1795af33e63	1	f	{"object_classes": [{"id": "01a20911-15ab-73db-b7c1-f1772d546d79", "name": "cell", "color": "#4392db", "annotation_type": "box"}, {"id": "01a20911-15ab-73db-b7c1-f1788bdaff7c", "name": "dot", "color": "#a0bc24", "annotation_type": "box"}], "image_categories": []}
\.


--
-- Data for Name: uploads; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.uploads (project_id, id, filename, size, created_by, created_at) FROM stdin;
\.


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: assets assets_data_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_data_key UNIQUE (dataset_id, data_key);


--
-- Name: assets assets_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_pkey PRIMARY KEY (id);


--
-- Name: datasets datasets_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.datasets
    ADD CONSTRAINT datasets_name_key UNIQUE (name);


--
-- Name: datasets datasets_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.datasets
    ADD CONSTRAINT datasets_pkey PRIMARY KEY (id);


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
-- Name: imports imports_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.imports
    ADD CONSTRAINT imports_pkey PRIMARY KEY (project_id, id);


--
-- Name: inbox inbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id);


--
-- Name: label_bodies label_bodies_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.label_bodies
    ADD CONSTRAINT label_bodies_pkey PRIMARY KEY (project_id, label_id);


--
-- Name: label_history label_history_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.label_history
    ADD CONSTRAINT label_history_pkey PRIMARY KEY (project_id, label_id, version);


--
-- Name: labels labels_asset; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.labels
    ADD CONSTRAINT labels_asset UNIQUE (project_id, asset_id);


--
-- Name: labels labels_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.labels
    ADD CONSTRAINT labels_pkey PRIMARY KEY (project_id, id);


--
-- Name: membership_copies membership_copies_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.membership_copies
    ADD CONSTRAINT membership_copies_pkey PRIMARY KEY (project_id, user_id);


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
-- Name: uploads uploads_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.uploads
    ADD CONSTRAINT uploads_pkey PRIMARY KEY (project_id, id);


--
-- Name: assets_expected; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX assets_expected ON public.assets USING btree (updated_at) WHERE (state = 'registered'::text);


--
-- Name: failed_messages_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX failed_messages_due ON public.failed_messages USING btree (queue, next_try_at);


--
-- Name: idempotency_keys_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (at);


--
-- Name: labels_assignee; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX labels_assignee ON public.labels USING btree (project_id, assignee, id);


--
-- Name: labels_data_key; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX labels_data_key ON public.labels USING btree (project_id, dataset_id, data_key);


--
-- Name: labels_open_issues; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX labels_open_issues ON public.labels USING btree (project_id, id) WHERE (open_issues > 0);


--
-- Name: labels_pool; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX labels_pool ON public.labels USING btree (project_id, id) WHERE ((status = 'in_progress'::text) AND (assignee IS NULL));


--
-- Name: labels_segment; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX labels_segment ON public.labels USING btree (project_id, status, review, id);


--
-- Name: labels_updated; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX labels_updated ON public.labels USING btree (project_id, updated_at);


--
-- Name: assets assets_dataset_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_dataset_id_fkey FOREIGN KEY (dataset_id) REFERENCES public.datasets(id);


--
-- PostgreSQL database dump complete
--


