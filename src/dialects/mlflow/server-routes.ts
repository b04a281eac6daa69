import { jsonReply } from '../../protocol/index.ts'
import type { Reply, Route } from '../../protocol/index.ts'

/** The MLflow whose server API this is. Its clients look at it before they use newer parts of it. */
const emulatedMlflowVersion = '3.6.0'

const plain = (body: string): Reply => ({ status: 200, contentType: 'text/plain; charset=utf-8', body })

export interface ServerRoutesDeps {
  /** Whether clients can read artifacts where they are stored, past this server. */
  readonly presignsDownloads: boolean
}

/** What clients ask about the server itself. */
export const serverRoutes = ({ presignsDownloads }: ServerRoutesDeps): readonly Route[] => [
  {
    method: 'GET',
    path: '/health',
    needs: 'server.read',
    doc: 'OK while the server works.',
    handle: () => plain('OK'),
  },
  {
    method: 'GET',
    path: '/version',
    needs: 'server.read',
    doc: 'The version of MLflow whose API is served.',
    handle: () => plain(emulatedMlflowVersion),
  },
  ...['/api', '/ajax-api'].map((prefix): Route => ({
    method: 'GET',
    path: `${prefix}/3.0/mlflow/server-info`,
    needs: 'server.read',
    doc: 'Which optional parts of the API there are.',
    handle: () =>
      jsonReply({
        store_type: 'SqlStore',
        workspaces_enabled: false,
        trace_archival_enabled: false,
        multipart_uploads_enabled: true,
        multipart_downloads_enabled: presignsDownloads,
      }),
  })),
]
