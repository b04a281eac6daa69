/** What an event happened to. */
export type AuditSubject =
  /** A registered model with its versions, aliases and policy. */
  | { readonly type: 'model'; readonly name: string }
  | { readonly type: 'experiment' | 'run' | 'logged_model' | 'endpoint' | 'webhook'; readonly id: string }
  /** Files below the artifact root. */
  | { readonly type: 'artifact'; readonly path: string }
  /** What is stored and named by nothing. */
  | { readonly type: 'storage'; readonly id: string }

export type AuditSubjectType = AuditSubject['type']

/** An event's subject as it is stored. Models are their bare key, so that they keep their history when renamed. */
export const subjectText = (type: Exclude<AuditSubjectType, 'model'>, id: string): string => `${type}:${id}`

/** A stored subject in its parts; `id` is the key of a model. */
export const readSubject = (text: string): { readonly type: AuditSubjectType; readonly id: string } => {
  const [, type, id] = /^(experiment|run|logged_model|endpoint|webhook|artifact|storage):(.*)$/s.exec(text) ?? []
  if (type === undefined || id === undefined) return { type: 'model', id: text }
  return { type: type as AuditSubjectType, id }
}
