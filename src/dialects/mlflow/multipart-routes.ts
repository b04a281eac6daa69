import { deferToCheckPhase } from '../../lib/index.ts'
import { uploadPartsMax } from '../../ports/index.ts'
import type { PresignedRequest, UploadPart } from '../../ports/index.ts'
import { AppError, fail, jsonReply } from '../../protocol/index.ts'
import type { Exchange, Reply, Route } from '../../protocol/index.ts'
import { requireArtifactPath } from '../../registry/index.ts'
import type { ArtifactRoutesDeps } from './artifact-routes.ts'
import { inMlflowShape, readInput } from './endpoint.ts'
import type { Field, Fields, Values } from './fields.ts'
import { integer, items, object, required, text } from './fields.ts'
import { publicBase } from './public-base.ts'

export interface MultipartRoutesDeps extends ArtifactRoutesDeps {
  /** URL by which clients reach this server; '' for the one they used. */
  readonly publicUrl: string
}

/** How long a presigned URL works: for the slowest upload of all parts, and for a download, whose URL clients renew. */
const uploadExpiresS = 12 * 3600
const downloadExpiresS = 3600

const root = '/2.0/mlflow-artifacts'
const localPath = required(text)
const uploadId = required(text)
const createFields = { path: localPath, num_parts: required(integer) }
const completeFields = {
  path: localPath,
  upload_id: uploadId,
  parts: required(items({ part_number: required(integer), etag: required(text) })),
}
const abortFields = { path: localPath, upload_id: uploadId }

const read = async <F extends Fields>(exchange: Exchange, fields: F): Promise<Values<F>> => {
  const whole: Field<Values<F> | undefined> = object(fields)
  const values = whole.read(await readInput(exchange), '')
  if (values === undefined) throw fail('invalid_parameter', { reason: 'The request must be a JSON object.' })
  return values
}

/** Where a file goes: the folder of the URL, and the last name of the path that the file has at the client. */
const target = (exchange: Exchange, path: string): string => {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  if (name === '') throw fail('invalid_path', {})
  return requireArtifactPath(`${requireArtifactPath(exchange.params['folder'] ?? '')}/${name}`)
}

const ignoreMissing = (error: unknown): void => {
  if (!(error instanceof AppError) || error.code !== 'resource_missing') throw error
}

/** Uploads in parts, straight to the store where it can presign, else to this server; and presigned downloads. */
class Multipart {
  readonly #deps: MultipartRoutesDeps
  /** What is being joined now, by upload: a client that asked too early asks again. */
  readonly #finishing = new Map<string, Promise<void>>()

  constructor(deps: MultipartRoutesDeps) {
    this.#deps = deps
  }

  async create(exchange: Exchange): Promise<Reply> {
    const { artifacts, blobs } = this.#deps
    const { path, num_parts: parts } = await read(exchange, createFields)
    if (parts < 1 || parts > uploadPartsMax)
      throw fail('invalid_parameter', {
        reason: `Invalid value ${parts} for parameter 'num_parts' supplied: a file has 1 to ${uploadPartsMax} parts.`,
      })
    const to = target(exchange, path)
    await artifacts.requireOpen(to)
    const base = blobs.presignPart === undefined ? publicBase(exchange, this.#deps.publicUrl) : ''
    const upload = await blobs.startUpload()
    try {
      // Why: here is where somebody gains by it; what can't be freed now is swept when the store opens.
      for (const old of await artifacts.startUpload(upload, to)) await blobs.dropUpload(old).catch(() => {})
      return jsonReply({ upload_id: upload, credentials: await this.#credentials(upload, parts, base) })
    } catch (error) {
      await blobs.dropUpload(upload).catch(() => {})
      throw error
    }
  }

  async #credentials(upload: string, parts: number, base: string): Promise<object[]> {
    const { blobs } = this.#deps
    const own = (number: number): PresignedRequest => ({
      url: `${base}/api${root}/mpu/parts/${encodeURIComponent(upload)}/${number}`,
      headers: {},
    })
    const credentials: object[] = []
    for (let number = 1; number <= parts; number++) {
      const request = (await blobs.presignPart?.(upload, number, uploadExpiresS)) ?? own(number)
      credentials.push({ ...request, part_number: number })
      // Why: signing ten thousand URLs takes a second or more, in which predictions must go on.
      if (number % signedAtOnce === 0) await new Promise<void>((resolve) => deferToCheckPhase(resolve))
    }
    return credentials
  }

  async putPart(exchange: Exchange): Promise<Reply> {
    const { blobs, uploadBytesMax } = this.#deps
    const { upload = '', number = '' } = exchange.params
    if (!/^\d{1,5}$/.test(number))
      throw fail('invalid_parameter', { reason: `'${number}' is not the number of a part.` })
    const etag = await blobs.putPart(upload, Number(number), exchange.bodyStream(), { bytesMax: uploadBytesMax })
    return { ...jsonReply({}), headers: { etag: `"${etag.replace(/^"(.*)"$/, '$1')}"` } }
  }

  async complete(exchange: Exchange): Promise<Reply> {
    const { path, upload_id: upload, parts } = await read(exchange, completeFields)
    const to = target(exchange, path)
    const { digest } = await this.#deps.artifacts.requireUpload(upload, to)
    if (digest !== undefined) return jsonReply({})
    const given = parts
      .map((part) => ({ number: part.part_number, etag: part.etag }))
      .sort((a, b) => a.number - b.number)
    const finished = this.#finishing.get(upload) ?? this.#finish(upload, to, given)
    this.#finishing.set(upload, finished)
    try {
      await finished
    } finally {
      this.#finishing.delete(upload)
    }
    return jsonReply({})
  }

  async #finish(upload: string, to: string, parts: readonly UploadPart[]): Promise<void> {
    const { artifacts, blobs, uploadBytesMax } = this.#deps
    await artifacts.requireOpen(to)
    const blob = await blobs.finishUpload(upload, parts, { bytesMax: uploadBytesMax })
    await artifacts.finishUpload(upload, to, blob)
    // Why: the file is in its place, and an upload that is still there is dropped for its age.
    await blobs.dropUpload(upload).catch(() => {})
  }

  async abort(exchange: Exchange): Promise<Reply> {
    const { artifacts, blobs } = this.#deps
    const { path, upload_id: upload } = await read(exchange, abortFields)
    await artifacts.requireUpload(upload, target(exchange, path))
    if (this.#finishing.has(upload)) throw fail('conflict', { reason: 'The upload is being finished.' })
    await artifacts.dropUpload(upload)
    await blobs.dropUpload(upload).catch(ignoreMissing)
    return jsonReply({})
  }

  async presigned(exchange: Exchange): Promise<Reply> {
    const { artifacts, blobs } = this.#deps
    const path = requireArtifactPath(exchange.params['path'] ?? '')
    if (blobs.presignRead === undefined)
      throw fail('unsupported', { what: 'Presigned download, where artifacts are kept by this server itself,' })
    const artifact = await artifacts.get(path)
    if (artifact === undefined) throw fail('artifact_missing', { path })
    const fileName = path.slice(path.lastIndexOf('/') + 1)
    const { url, headers } = await blobs.presignRead(artifact.digest, { expiresS: downloadExpiresS, fileName })
    return jsonReply({ url, headers, file_size: artifact.bytes })
  }
}

const signedAtOnce = 50

/** MLflow's multipart uploads and presigned downloads of artifacts. */
export const multipartRoutes = (deps: MultipartRoutesDeps): Route[] => {
  const multipart = new Multipart(deps)
  const post = (prefix: string, verb: string, doc: string, answer: (exchange: Exchange) => Promise<Reply>): Route => ({
    method: 'POST',
    path: `${prefix}${root}/mpu/${verb}/{folder*}`,
    needs: 'registry.write',
    doc,
    handle: (exchange) => inMlflowShape(() => answer(exchange)),
  })
  return ['/api', '/ajax-api'].flatMap((prefix): Route[] => [
    post(prefix, 'create', 'Begins the upload of an artifact in parts.', (exchange) => multipart.create(exchange)),
    post(prefix, 'complete', 'Joins the parts of an upload.', (exchange) => multipart.complete(exchange)),
    post(prefix, 'abort', 'Drops an upload in parts.', (exchange) => multipart.abort(exchange)),
    {
      method: 'PUT',
      path: `${prefix}${root}/mpu/parts/{upload}/{number}`,
      needs: 'registry.write',
      doc: 'Uploads a part. The id of the upload, which nobody can guess, is the permission: clients send no other here.',
      handle: (exchange) => inMlflowShape(() => multipart.putPart(exchange)),
    },
    {
      method: 'GET',
      path: `${prefix}${root}/presigned/{path*}`,
      needs: 'registry.read',
      doc: 'A URL by which an artifact is downloaded from where it is stored.',
      handle: (exchange) => inMlflowShape(() => multipart.presigned(exchange)),
    },
  ])
}
