import type { Queries } from '../../ports/index.ts'

interface Place {
  readonly model_key: number
  readonly version: number
}

/** Keeps what a version is a copy of: the source as it was sent names models and aliases that mean others later. */
export const tellCopied = async (
  tx: Queries,
  copy: Place,
  source: { readonly modelKey: number; readonly version: number },
): Promise<void> => {
  await tx.query('INSERT INTO version_copies (model_key, version, source_key, source_version) VALUES (?, ?, ?, ?)', [
    copy.model_key,
    copy.version,
    source.modelKey,
    source.version,
  ])
}
