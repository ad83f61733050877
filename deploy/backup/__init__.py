"""Backup and restore of a whole Labelyard: five databases and the bucket, at one point in time.

The point. Every change of state commits with its events in its service's `outbox` table. So whoever holds a lock on all
five outboxes that lets nobody write holds all state still, wherever the databases are. It is held only until each
database has exported a snapshot: some milliseconds, in which writers wait. What the five dumps then show is one moment:
whatever a service knows of another's state, the other's dump has.

What was on its way. The broker's queues are not in a backup. Events that the outboxes still hold are in the dumps.
Events that were published and not consumed yet are made up for after a restore: each service tells its present state
again (chassis.restoring), and consumers take what is newer than what they have. Nobody can be ahead, by the above.

The bucket. Objects are immutable and their keys carry what makes them unique, so they may be copied at any time. They
are copied twice: everything before the point, so that this takes long only while nothing waits for it, and what is new
after it. So an object is missed only if it was made during the first pass and deleted before the second: a row that
promises it is found by `verify`.

    DIR/manifest.json          written last: without it a backup is not whole
    DIR/SERVICE.dump           pg_dump's custom format
    DIR/objects.jsonl          one line an object: key, size, sha256, content_type, etag; of two, the later counts
    DIR/objects/ab/abcdef…     the bytes, by SHA-256

A backup holds everything, password hashes and all e-mail addresses too: keep it as you keep the databases.
"""
