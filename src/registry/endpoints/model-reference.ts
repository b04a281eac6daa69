import { fail } from '../../protocol/index.ts'
import { requireArtifactPath } from '../artifact-path.ts'
import { excerpt, limits, requireLength } from '../limits.ts'
import { requireAlias, requireModelName, requireStage, requireVersion } from '../model-name.ts'

/** What an endpoint follows. `selector` is the alias, the stage, the version's digits, or `RUN/PATH` of a run's files. */
export type ModelReference =
  | {
      readonly kind: 'alias' | 'stage' | 'version' | 'latest'
      readonly model: string
      /** Empty for `latest`. */
      readonly selector: string
    }
  | { readonly kind: 'run'; readonly model: undefined; readonly selector: string }

export type ReferenceKind = ModelReference['kind']

const forms =
  "'models:/NAME@ALIAS', 'models:/NAME/VERSION', 'models:/NAME/latest', 'models:/NAME/STAGE' or 'runs:/RUN_ID/PATH'"

const refuse = (text: string): Error =>
  fail('invalid_parameter', { reason: `'${excerpt(text)}' doesn't refer to a model; the forms are ${forms}` })

const decoded = (text: string, part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    throw refuse(text)
  }
}

/** Reads MLflow's URI of a registered model or of a run's artifacts. */
export const parseModelReference = (text: string): ModelReference => {
  requireLength('Model reference', text, limits.artifactLocation)
  const [, runId, path = ''] = /^runs:\/+([a-zA-Z0-9][\w-]{0,255})\/(.+)$/.exec(text) ?? []
  if (runId !== undefined)
    return { kind: 'run', model: undefined, selector: `${runId}/${requireArtifactPath(decoded(text, path))}` }
  const [, aliased, alias] = /^models:\/+([^/@]+)@([\w-]+)$/.exec(text) ?? []
  if (aliased !== undefined && alias !== undefined)
    return { kind: 'alias', model: requireModelName(decoded(text, aliased)), selector: requireAlias(alias) }
  const [, name, which] = /^models:\/+([^/@]+)\/([^/]+)$/.exec(text) ?? []
  if (name === undefined || which === undefined) throw refuse(text)
  const model = requireModelName(decoded(text, name))
  if (/^\d+$/.test(which)) return { kind: 'version', model, selector: String(requireVersion(which)) }
  if (which.toLowerCase() === 'latest') return { kind: 'latest', model, selector: '' }
  return { kind: 'stage', model, selector: requireStage(which) }
}

/** A reference as MLflow writes it. */
export const referenceText = (reference: ModelReference): string => {
  if (reference.kind === 'run') return `runs:/${reference.selector}`
  const root = `models:/${encodeURIComponent(reference.model)}`
  if (reference.kind === 'alias') return `${root}@${reference.selector}`
  return reference.kind === 'latest' ? `${root}/latest` : `${root}/${reference.selector}`
}
