import { fail } from '../../protocol/index.ts'
import type { Exchange, Reply, Route } from '../../protocol/index.ts'
import type { Registry } from '../../registry/index.ts'
import { artifactsPath, requireArtifactPath } from '../../registry/index.ts'
import { inMlflowShape } from './endpoint.ts'
import { text } from './fields.ts'
import { mediaType } from './media-type.ts'
import { spanFileView } from './trace-views.ts'

const traceFile = 'traces.json'
/** Such a file is held whole while it is sent. */
const fileBytesMax = 64 * 1024 * 1024

const attachment = (name: string, body: string | Uint8Array, contentType: string): Reply => ({
  status: 200,
  contentType,
  headers: {
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
    'x-content-type-options': 'nosniff',
  },
  body,
})

/** A trace's spans as a file, or a file that was attached to it. */
const traceArtifact = async ({ query }: Exchange, registry: Registry): Promise<Reply> => {
  const traceId = text.read(query.get('request_id'), 'request_id') ?? ''
  if (traceId === '')
    throw fail('invalid_parameter', { reason: 'Request must include the "request_id" query parameter.' })
  const trace = await registry.traces.require(traceId)
  const asked = query.get('path') ?? ''
  if (asked === '' && trace.spansHere) {
    const spans = await registry.spans.read(traceId)
    return attachment(traceFile, JSON.stringify({ spans: spans.map(spanFileView) }), 'application/octet-stream')
  }
  if (!trace.artifactUri.startsWith('mlflow-artifacts:'))
    throw fail('unsupported', { what: `reading ${trace.artifactUri}, which this server doesn't keep,` })
  const below = asked === '' ? traceFile : `attachments/${requireArtifactPath(asked)}`
  const path = `${artifactsPath(trace.artifactUri)}/${below}`
  const bytes = await registry.artifacts.read(path, fileBytesMax)
  if (bytes === undefined) throw fail('artifact_missing', { path })
  const name = below.slice(below.lastIndexOf('/') + 1)
  return attachment(name, bytes, asked === '' ? 'application/octet-stream' : mediaType(name))
}

/** Where MLflow's pages get a trace's spans from. Its paths differ in nothing but the version, permission included. */
export const traceArtifactRoutes = (registry: Registry): Route[] =>
  ['2.0', '3.0'].map((version) => ({
    method: 'GET',
    path: `/ajax-api/${version}/mlflow/get-trace-artifact`,
    needs: 'registry.read',
    doc: "A trace's spans as a file, or a file attached to it.",
    handle: (exchange) => inMlflowShape(() => traceArtifact(exchange, registry)),
  }))
