import type { BlobStore } from '../../ports/index.ts'
import { fail, jsonReply } from '../../protocol/index.ts'
import type { Exchange, Reply, Route } from '../../protocol/index.ts'
import { requireArtifactPath } from '../../registry/index.ts'
import { inMlflowShape } from './endpoint.ts'
import type { ArtifactIndex } from './artifact-index.ts'
import { byteRange } from './byte-range.ts'
import { mediaType } from './media-type.ts'

export interface ArtifactRoutesDeps {
  readonly artifacts: ArtifactIndex
  readonly blobs: BlobStore
  readonly uploadBytesMax: number
}

export const upload = async (
  path: string,
  exchange: Exchange,
  { artifacts, blobs, uploadBytesMax }: ArtifactRoutesDeps,
): Promise<Reply> => {
  await artifacts.requireOpen(path)
  const blob = await blobs.put(exchange.bodyStream(), { bytesMax: uploadBytesMax })
  await artifacts.put(path, blob)
  return jsonReply({})
}

/** A file as an attachment: what a browser would show of it could be anything that somebody logged. */
export const download = async (
  path: string,
  exchange: Exchange,
  { artifacts, blobs }: ArtifactRoutesDeps,
): Promise<Reply> => {
  const artifact = await artifacts.get(path)
  if (artifact === undefined) throw fail('artifact_missing', { path })
  const range = byteRange(exchange.header('range'), artifact.bytes)
  const name = path.slice(path.lastIndexOf('/') + 1)
  const headers = {
    'accept-ranges': 'bytes',
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
    'x-content-type-options': 'nosniff',
    etag: `"${artifact.digest}"`,
  }
  const contentType = mediaType(name)
  if (range === 'outside')
    return { status: 416, headers: { ...headers, 'content-range': `bytes */${artifact.bytes}` }, body: '' }
  if (range === undefined)
    return { status: 200, contentType, headers, stream: { bytes: artifact.bytes, pieces: blobs.read(artifact.digest) } }
  return {
    status: 206,
    contentType,
    headers: { ...headers, 'content-range': `bytes ${range.start}-${range.end - 1}/${artifact.bytes}` },
    stream: { bytes: range.end - range.start, pieces: blobs.read(artifact.digest, range) },
  }
}

const listing = async (exchange: Exchange, { artifacts }: ArtifactRoutesDeps): Promise<Reply> => {
  const asked = exchange.query.get('path') ?? ''
  const folder = asked === '' || asked === '/' ? '' : requireArtifactPath(asked)
  const entries = await artifacts.list(folder)
  const files = entries.map(({ name, isFolder, bytes }) => ({
    path: name,
    is_dir: isFolder,
    ...(bytes === undefined ? {} : { file_size: bytes }),
  }))
  return jsonReply(files.length === 0 ? {} : { files })
}

/** The artifacts as one tree of paths (MLflow's `mlflow-artifacts`). */
export const artifactTreeRoutes = (deps: ArtifactRoutesDeps): Route[] =>
  ['/api', '/ajax-api'].flatMap((prefix): Route[] => {
    const root = `${prefix}/2.0/mlflow-artifacts/artifacts`
    return [
      {
        method: 'GET',
        path: root,
        needs: 'registry.read',
        doc: 'Lists a folder of artifacts.',
        handle: (exchange) => inMlflowShape(() => listing(exchange, deps)),
      },
      {
        method: 'GET',
        path: `${root}/{path*}`,
        needs: 'registry.read',
        doc: 'Downloads an artifact, or a range of it.',
        handle: (exchange) =>
          inMlflowShape(() => download(requireArtifactPath(exchange.params['path'] ?? ''), exchange, deps)),
      },
      {
        method: 'PUT',
        path: `${root}/{path*}`,
        needs: 'registry.write',
        doc: 'Uploads an artifact.',
        handle: (exchange) =>
          inMlflowShape(() => upload(requireArtifactPath(exchange.params['path'] ?? ''), exchange, deps)),
      },
      {
        method: 'DELETE',
        path: `${root}/{path*}`,
        needs: 'registry.write',
        doc: 'Deletes an artifact, or a folder of them.',
        handle: (exchange) =>
          inMlflowShape(async () => {
            await deps.artifacts.delete(requireArtifactPath(exchange.params['path'] ?? ''))
            return jsonReply({})
          }),
      },
    ]
  })
