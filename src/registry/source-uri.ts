import { fail } from '../protocol/index.ts'
import { fullyDecoded, requireArtifactPath } from './artifact-path.ts'
import { excerpt, limits, requireLength } from './limits.ts'

/** What a model version's source refers to. */
export type ModelSource =
  | { readonly kind: 'logged-model'; readonly modelId: string }
  | { readonly kind: 'model-version'; readonly name: string; readonly version: string }
  | { readonly kind: 'model-alias'; readonly name: string; readonly alias: string }
  | { readonly kind: 'run'; readonly runId: string; readonly path: string }
  /** Files that this server keeps, by their path below the artifact root. */
  | { readonly kind: 'artifacts'; readonly path: string }
  /** Somewhere else; the server never goes there. */
  | { readonly kind: 'remote'; readonly uri: string }
  | { readonly kind: 'prompt' }

const refuse = (reason: string): Error => fail('invalid_parameter', { reason })

const schemeOf = (uri: string): string | undefined => /^([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase()

/** Schemes of stores that clients reach by themselves. */
const remoteSchemes = new Set([
  's3',
  's3a',
  's3n',
  'gs',
  'wasb',
  'wasbs',
  'abfs',
  'abfss',
  'adl',
  'hdfs',
  'viewfs',
  'r2',
  'b2',
  'dbfs',
  'https',
  'http',
  'ftp',
  'sftp',
])

/** Text that means the same however it is decoded, with no way up. */
const requirePlain = (uri: string, what: string): void => {
  let decoded: string
  try {
    decoded = fullyDecoded(uri.replaceAll('+', ' '))
  } catch {
    throw refuse(`Invalid ${what}: '${excerpt(uri)}'. It is encoded in a way that hides what it means.`)
  }
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f\\]/.test(decoded) || decoded.split(/[/?&=;#:]/).includes('..'))
    throw refuse(`Invalid ${what}: '${excerpt(uri)}'. It holds control characters, backslashes or '..' segments.`)
  if (/[#;]/.test(decoded))
    throw refuse(`Invalid ${what}: '${excerpt(uri)}'. It must not hold a fragment (#) or params (;).`)
}

/** The path of an `mlflow-artifacts:` URI, whose host and port name this server in whatever way the client reaches it. */
export const artifactsPath = (uri: string): string => {
  const path = uri.replace(/^mlflow-artifacts:(\/\/[^/]*)?\/*/i, '')
  return path === '' ? '' : requireArtifactPath(path)
}

/** The URI of a path below the artifact root. */
export const artifactsUri = (path: string): string => `mlflow-artifacts:/${path}`

/**
 * The path below the artifact root of what is at `path` under a run's, version's or logged model's root; '' is the root
 * itself. Fails with `unsupported` for files that another store keeps, and with `invalid_path`.
 */
export const keptPath = (root: string, path: string): string => {
  const below = path === '' ? '' : requireArtifactPath(path)
  if (!root.startsWith('mlflow-artifacts:'))
    throw fail('unsupported', { what: `reading artifacts at ${root}, which this server doesn't keep,` })
  return [artifactsPath(root), below].filter((part) => part !== '').join('/')
}

/** Reads a `models:/` URI: `NAME/VERSION`, `NAME@ALIAS` or a logged model's id. */
const modelsSource = (uri: string): ModelSource => {
  const rest = uri.replace(/^models:\/*/i, '')
  if (/^m-[0-9a-f]{32}$/.test(rest)) return { kind: 'logged-model', modelId: rest }
  const [, named, alias] = /^([^/@]+)@([\w-]+)$/.exec(rest) ?? []
  if (named !== undefined && alias !== undefined) return { kind: 'model-alias', name: named, alias }
  const [, name, version] = /^([^/]+)\/(\d{1,15})$/.exec(rest) ?? []
  if (name !== undefined && version !== undefined) return { kind: 'model-version', name, version }
  throw refuse(
    `Not a proper models:/ URI: ${excerpt(uri)}. Models URIs must be of the form 'models:/model_name/version', 'models:/model_name@alias' or 'models:/<model_id>'.`,
  )
}

/** Reads a `runs:/RUN_ID/PATH` URI. */
const runSource = (uri: string): ModelSource => {
  const [, runId, path = ''] = /^runs:\/+([a-zA-Z0-9][\w-]{0,255})(?:\/(.*))?$/i.exec(uri) ?? []
  if (runId === undefined)
    throw refuse(
      `Not a proper runs:/ URI: ${excerpt(uri)}. Runs URIs must be of the form 'runs:/<run_id>/run-relative/path/to/artifact'.`,
    )
  return { kind: 'run', runId, path: path === '' ? '' : requireArtifactPath(path) }
}

/**
 * What a source refers to. Files of the server's own machine are never a source: whoever may register a model could
 * read them otherwise. The tag that marks prompts allows only sources that name nothing at all.
 */
export const parseModelSource = (source: string, { isPrompt }: { readonly isPrompt: boolean }): ModelSource => {
  requireLength('Model version source', source, limits.artifactLocation)
  const scheme = schemeOf(source)
  if (isPrompt && scheme === undefined && /^[\w-]+$/.test(source)) return { kind: 'prompt' }
  requirePlain(source, 'model version source')
  if (scheme === 'models') return modelsSource(source)
  if (scheme === 'runs') return runSource(source)
  if (scheme === 'mlflow-artifacts') return { kind: 'artifacts', path: artifactsPath(source) }
  if (scheme !== undefined && remoteSchemes.has(scheme) && /^[a-z0-9+.-]+:\/\/[^/]/i.test(source))
    return { kind: 'remote', uri: source }
  throw refuse(
    `Invalid model version source: '${excerpt(source)}'. To use a local path as a model version source, the run_id request parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the run_id; this server keeps no artifacts at paths that clients name. Upload the files, and use mlflow-artifacts:, runs:/ or models:/.`,
  )
}

/** Checks a URI of a store elsewhere, which clients reach by themselves. */
export const requireRemoteLocation = (location: string): string => {
  const checked = requireArtifactLocation(location)
  if (schemeOf(checked) !== 'mlflow-artifacts') return checked
  throw refuse(`Invalid artifact location: '${excerpt(location)}'. It must be the URI of a store elsewhere.`)
}

/** Checks where an experiment's artifacts are to go. Fails for local paths, and for URIs that could be read in two ways. */
export const requireArtifactLocation = (location: string): string => {
  requireLength('Artifact location', location, limits.artifactLocation)
  requirePlain(location, 'artifact location')
  const scheme = schemeOf(location)
  if (scheme === 'mlflow-artifacts') {
    artifactsPath(location)
    return location
  }
  if (scheme !== undefined && remoteSchemes.has(scheme) && /^[a-z0-9+.-]+:\/\/[^/]/i.test(location)) return location
  throw refuse(
    `Invalid artifact location: '${excerpt(location)}'. It must be an mlflow-artifacts: URI or that of a remote store; leave it out to have this server keep the artifacts.`,
  )
}
