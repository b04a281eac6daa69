export { ByteBudget, Share } from './byte-budget.ts'
