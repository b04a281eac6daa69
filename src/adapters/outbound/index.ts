export { openOutbound, type OutboundOptions } from './open-outbound.ts'
