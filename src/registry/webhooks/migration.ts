import type { Migration, SqlDialect } from '../../ports/index.ts'
import { byBytes, clustered, int, serial } from '../columns.ts'

const webhooks = (dialect: SqlDialect): string[] => {
  const integer = int(dialect)
  return [
    // secret: encrypted, see secret-box.ts. events: a JSON list, in the order that they were given.
    `CREATE TABLE webhooks (
      webhook_key ${serial(dialect)},
      webhook_id TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL,
      url TEXT NOT NULL,
      description TEXT NOT NULL,
      events TEXT NOT NULL,
      secret TEXT,
      status TEXT NOT NULL,
      creation_time ${integer} NOT NULL,
      last_updated_time ${integer} NOT NULL
    )`,
    `CREATE TABLE webhook_events (
      event TEXT NOT NULL,
      webhook_key ${integer} NOT NULL REFERENCES webhooks ON DELETE CASCADE,
      PRIMARY KEY (event, webhook_key)
    )${clustered(dialect)}`,
    'CREATE INDEX webhook_events_by_webhook ON webhook_events (webhook_key)',
    // Whose turn it is to send for a webhook. Its own table, so that writers of the registry, who read webhooks, aren't in
    // the way of those who send.
    `CREATE TABLE webhook_turns (
      webhook_key ${integer} PRIMARY KEY REFERENCES webhooks ON DELETE CASCADE,
      token TEXT NOT NULL,
      until_time ${integer} NOT NULL
    )`,
    // The outbox, and afterwards the log. What is sent is made of the event, which is never changed.
    `CREATE TABLE webhook_deliveries (
      delivery_key ${serial(dialect)},
      delivery_id TEXT NOT NULL UNIQUE,
      webhook_key ${integer} NOT NULL REFERENCES webhooks ON DELETE CASCADE,
      event TEXT NOT NULL,
      sequence ${integer} NOT NULL REFERENCES registry_events,
      status TEXT NOT NULL,
      created_time ${integer} NOT NULL,
      since_time ${integer} NOT NULL,
      due_time ${integer} NOT NULL,
      attempts ${integer} NOT NULL,
      attempt_time ${integer},
      duration_ms ${integer},
      response_status ${integer},
      response_body TEXT,
      error TEXT
    )`,
    'CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_key, delivery_key)',
    `CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_key, due_time, delivery_key) WHERE status = 'pending'`,
    `CREATE INDEX webhook_deliveries_done ON webhook_deliveries (webhook_key, delivery_key) WHERE status <> 'pending'`,
  ]
}

/** Webhooks, what they are still to be told, and what they were. */
export const webhooksMigration: Migration = {
  id: '0017-webhooks',
  statements: (dialect) => byBytes(webhooks(dialect), dialect),
}
