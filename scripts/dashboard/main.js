/** `npm run docs:dashboard`: writes the dashboard for Grafana. */
import { writeFileSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { dashboardFile, dashboardText } from './dashboard.js';

writeFileSync(inRoot(dashboardFile), dashboardText());
