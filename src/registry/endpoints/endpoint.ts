import { fail } from '../../protocol/index.ts'
import { excerpt } from '../limits.ts'
import type { ReferenceKind } from './model-reference.ts'

/** A name that clients call, and the model that it stands for. */
export interface Endpoint {
  readonly name: string
  /** As MLflow writes it: `models:/fraud@champion`. */
  readonly reference: string
  readonly kind: ReferenceKind
  /** The registered model; undefined for files of a run. */
  readonly model: string | undefined
  /** The version that it stands for since the last move; undefined while there was none. */
  readonly version: number | undefined
  readonly createdBy: string
  /** Unix ms. */
  readonly createdTime: number
}

/** Files that are to be served: immutable, named by the digest of the whole (see `ArtifactStore.seal`). */
export interface ServedFiles {
  /** Number under which clients see it; 1 for files of a run. */
  readonly version: number
  /** Below the artifact root. */
  readonly folder: string
  readonly digest: string
}

/** What an endpoint stands for now; without files the reason why there are none. */
export interface EndpointTarget {
  readonly endpoint: Endpoint
  readonly files: ServedFiles | undefined
  readonly problem: string | undefined
}

/** Longest name: it becomes part of paths and labels. */
const nameBytesMax = 255

/** Names are single segments of paths, as those of all that is served. */
export const requireEndpointName = (name: string): string => {
  // eslint-disable-next-line no-control-regex -- control characters are what must be refused
  if (name !== '' && Buffer.byteLength(name) <= nameBytesMax && !/^\.|[/\\\u0000-\u001f\u007f:*?"<>|%]/.test(name))
    return name
  throw fail('invalid_parameter', { reason: `'${excerpt(name)}' can't name an endpoint` })
}
