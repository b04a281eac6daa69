import { fileURLToPath } from 'node:url'
import { Unusable } from './read-yaml.ts'
import type { SafeFolder } from './safe-folder.ts'
import type { SourceFile } from './import-source.ts'

/** Where something's artifacts are. */
export type ArtifactPlace =
  /** In a store that clients reach by themselves. */
  | { readonly kind: 'elsewhere'; readonly uri: string }
  | { readonly kind: 'here'; readonly folder: SafeFolder; readonly path: string }
  /** Nowhere: nothing was logged, or nobody said where to look. */
  | { readonly kind: 'none' }

const schemeOf = (uri: string): string | undefined => /^([a-z][a-z0-9+.-]+):/i.exec(uri)?.[1]?.toLowerCase()

/** Whether a URI names a store that isn't on this machine, nor behind a tracking server. */
export const isElsewhere = (uri: string): boolean => {
  const scheme = schemeOf(uri)
  return scheme !== undefined && !['file', 'mlflow-artifacts', 'models', 'runs'].includes(scheme)
}

/** The path that a URI of this machine names. */
const localPath = (uri: string): string | undefined => {
  if (schemeOf(uri) === undefined) return uri
  if (schemeOf(uri) !== 'file') return undefined
  try {
    return fileURLToPath(uri)
  } catch {
    return undefined
  }
}

/** Finds artifacts below the folders that are imported, and nowhere else. */
export class ArtifactPlaces {
  readonly #roots: readonly SafeFolder[]

  constructor(roots: readonly SafeFolder[]) {
    this.#roots = roots
  }

  /**
   * Looks where MLflow puts them (`usual`, `EXPERIMENT/RUN/artifacts`), then where the URI says. So a folder that was
   * moved or copied is found. Throws Unusable when the URI names a folder that isn't below any that is imported.
   */
  async find(uri: string | undefined, usual: string): Promise<ArtifactPlace> {
    if (uri !== undefined && isElsewhere(uri)) return { kind: 'elsewhere', uri }
    for (const path of [usual, proxied(uri)])
      for (const folder of this.#roots)
        if (path !== undefined && (await folder.isFolder(path))) return { kind: 'here', folder, path }
    const local = uri === undefined || uri === '' ? undefined : localPath(uri)
    if (local === undefined) return { kind: 'none' }
    for (const folder of this.#roots) {
      const path = folder.within(local)
      if (path === undefined) continue
      return (await folder.isFolder(path)) ? { kind: 'here', folder, path } : { kind: 'none' }
    }
    if (this.#roots.length === 0 || local.endsWith(`/${usual}`)) return { kind: 'none' }
    throw new Unusable(`its artifacts are at '${local}', outside of what is imported`)
  }

  /** The files of a place, with their sizes, and what can't be read there. */
  async *files(place: ArtifactPlace): AsyncGenerator<SourceFile> {
    if (place.kind !== 'here') return
    const { folder, path } = place
    let refused: SourceFile[] = []
    const refuse = (at: string, reason: string): void => {
      refused.push({ path: at.slice(path.length + 1), bytes: 0, content: { unreadable: reason } })
    }
    for await (const file of folder.files(path, refuse)) {
      yield* refused
      refused = []
      yield await sourceFile(folder, path, file)
    }
    yield* refused
  }
}

const sourceFile = async (folder: SafeFolder, within: string, path: string): Promise<SourceFile> => {
  try {
    const { file, bytes } = await folder.file(`${within}/${path}`)
    return { path, bytes, content: { file } }
  } catch (error) {
    if (!(error instanceof Unusable)) throw error
    return { path, bytes: 0, content: { unreadable: error.message } }
  }
}

/** The path below a tracking server's artifact root. */
const proxied = (uri: string | undefined): string | undefined => {
  if (uri === undefined || schemeOf(uri) !== 'mlflow-artifacts') return undefined
  return uri.replace(/^mlflow-artifacts:(\/\/[^/]*)?\/*/i, '')
}

/** Where a version's files are, in the server's words: by the run or the logged model that they are among. */
export const referenceOf = (uri: string): string | undefined => {
  if (isElsewhere(uri)) return uri
  const scheme = schemeOf(uri)
  if (scheme === 'runs' || scheme === 'models') return uri
  const [, owner, rest = ''] = /\/(m-[0-9a-f]{32}|[0-9a-f]{32})\/artifacts(?:\/(.*?))?\/?$/.exec(uri) ?? []
  if (owner === undefined) return undefined
  if (!owner.startsWith('m-')) return `runs:/${owner}${rest === '' ? '' : `/${rest}`}`
  return rest === '' ? `models:/${owner}` : undefined
}
