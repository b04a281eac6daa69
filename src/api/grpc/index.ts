export { grpcHealth } from './grpc-health.ts'
export { GrpcServer } from './grpc-server.ts'
export { reflection } from './reflection.ts'
