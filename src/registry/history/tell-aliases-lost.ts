import type { Queries } from '../../ports/index.ts'
import type { Actor, EventKind, EventLog } from '../event-log.ts'

/** Tells of the aliases that go with a version, or with all of a model's, before they are gone. */
export const tellAliasesLost = async (
  tx: Queries,
  events: EventLog,
  of: { readonly model_key: number; readonly name: string; readonly version?: number },
  { actor, cause }: { readonly actor: Actor; readonly cause: EventKind },
): Promise<void> => {
  const aliases = await tx.query<{ alias: string; version: number }>(
    `SELECT alias, version FROM model_aliases WHERE model_key = ?${of.version === undefined ? '' : ' AND version = ?'} ORDER BY alias`,
    of.version === undefined ? [of.model_key] : [of.model_key, of.version],
  )
  await events.appendAll(
    tx,
    aliases.map(({ alias, version }) => ({
      kind: 'model_version_alias.deleted',
      subject: String(of.model_key),
      actor,
      details: { name: of.name, alias, version, cause },
    })),
  )
}
