/** What writes metrics for Prometheus: its registry alone, since the rest of it brings clients of other things. */
// @ts-expect-error It has no declarations by itself, and those of the whole package leave out what is used here.
import LoadedRegistry from 'prom-client/lib/registry.js';

/** One metric, as it asks for it. */
interface Exposed {
  get(): {
    readonly name: string;
    readonly help: string;
    readonly type: string;
    readonly values: readonly {
      readonly labels: Readonly<Record<string, string>>;
      readonly value: number;
      /** Default: the name. */
      readonly metricName?: string;
    }[];
  };
}

interface Writer {
  /** Its head, of two lines, and its series, without the end of the last line. */
  getMetricsAsString(metric: Exposed): Promise<string>;
}

export const Registry: {
  new (contentType: string): Writer;
  readonly PROMETHEUS_CONTENT_TYPE: string;
  readonly OPENMETRICS_CONTENT_TYPE: string;
} = LoadedRegistry;
