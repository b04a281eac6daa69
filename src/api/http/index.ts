export { HttpServer } from './http-server.ts'
export { type HttpOptions } from './http-server.ts'
