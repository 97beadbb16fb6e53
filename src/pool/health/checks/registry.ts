/** Every type of health check, and what makes one. */
import type { CheckConfig } from '../../../model/health.js';
import type { Check } from './check.js';
import { functionCheck } from './function.js';
import { httpCheck } from './http.js';
import { mysqlCheck } from './mysql.js';
import { postgresCheck } from './postgres.js';
import { redisCheck } from './redis.js';
import { tcpCheck } from './tcp.js';

/** @param config of any type; what is not of the check itself is not looked at */
export function createCheck(config: CheckConfig): Check {
  switch (config.type) {
    case 'tcp':
      return tcpCheck(config);
    case 'http':
    case 'https':
      return httpCheck(config);
    case 'mysql':
      return mysqlCheck(config);
    case 'postgres':
      return postgresCheck(config);
    case 'redis':
      return redisCheck(config);
    case 'function':
      return functionCheck(config);
  }
}
