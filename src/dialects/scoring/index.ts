export { type ScoringDeps, scoringRoutes } from './scoring-routes.ts'
export { ScoringTables } from './tables.ts'
export { scoringTarget } from './score.ts'
