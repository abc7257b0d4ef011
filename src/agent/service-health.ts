/** The healthCheckNodePort of each Service: a cloud's load balancer asks it which nodes have endpoints (A49). */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { ObjectName, Port } from '../model/names.ts';
import type { Problem } from '../model/objects.ts';
import type { Clock } from './clock.ts';
import { answerJson, closeServer, listen } from './http-server.ts';

/** A health check that a Service wants, as the compiler says it. */
export interface HealthCheck {
  readonly service: ObjectName;
  /** spec.healthCheckNodePort. */
  readonly port: Port;
  /** Ready endpoints on this node; terminating ones don't count. */
  readonly localReadyEndpoints: number;
}

export interface ServiceHealthServers {
  /** Makes exactly these checks answer. */
  update(checks: readonly HealthCheck[]): void;
  /** Ports that could not be bound. */
  problems(): readonly Problem[];
  close(): Promise<void>;
}

export interface ServiceHealthOptions {
  readonly clock: Clock;
  /** This proxy's own health: part of the answer. */
  readonly healthy: () => boolean;
  /** Called when `problems` has changed. */
  readonly onProblems: () => void;
}

interface CheckedPort {
  check: HealthCheck;
  server: Server | null;
  problem: Problem | null;
  cancelRetry: () => void;
}

const RETRY_MS = 5000;

/** Starts without any; a port that can't be bound is tried again every five seconds. */
export function createServiceHealthServers(options: ServiceHealthOptions): ServiceHealthServers {
  const ports = new Map<number, CheckedPort>();
  const open = async (number: number, port: CheckedPort): Promise<void> => {
    const server = createServer((_, response) => answer(response, port.check, options.healthy()));
    try {
      // '::' takes IPv4 as well, and Node falls back to 0.0.0.0 where there is no IPv6.
      await listen(server, { port: number });
    } catch (error) {
      if (ports.get(number) !== port) return;
      port.problem = bindProblem(port.check, error);
      port.cancelRetry = options.clock.schedule(RETRY_MS, () => void open(number, port));
      options.onProblems();
      return;
    }
    if (ports.get(number) !== port) await closeServer(server);
    else {
      port.server = server;
      if (port.problem !== null) {
        port.problem = null;
        options.onProblems();
      }
    }
  };
  const close = async (number: number, port: CheckedPort): Promise<void> => {
    ports.delete(number);
    port.cancelRetry();
    if (port.server !== null) await closeServer(port.server);
  };
  return {
    update(checks) {
      const wanted = new Map(checks.map((check) => [check.port as number, check]));
      for (const [number, port] of ports) if (!wanted.has(number)) void close(number, port);
      for (const [number, check] of wanted) {
        const port = ports.get(number);
        if (port !== undefined) port.check = check;
        else {
          const added: CheckedPort = { check, server: null, problem: null, cancelRetry: () => {} };
          ports.set(number, added);
          void open(number, added);
        }
      }
    },
    problems: () => [...ports.values()].flatMap((port) => port.problem ?? []),
    async close() {
      await Promise.all([...ports].map(([number, port]) => close(number, port)));
    },
  };
}

function answer(response: ServerResponse, check: HealthCheck, healthy: boolean): void {
  const [namespace, name] = check.service.split('/');
  const code = check.localReadyEndpoints > 0 && healthy ? 200 : 503;
  const body = {
    service: { namespace, name },
    localEndpoints: check.localReadyEndpoints,
    serviceProxyHealthy: healthy,
  };
  answerJson(response, code, body, { 'X-Load-Balancing-Endpoint-Weight': String(check.localReadyEndpoints) });
}

function bindProblem(check: HealthCheck, error: unknown): Problem {
  const [namespace = '', name = ''] = check.service.split('/');
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return {
    severity: 'error',
    object: { kind: 'Service', namespace, name },
    field: 'spec.healthCheckNodePort',
    reason: 'HealthCheckPortNotBound',
    message: `health checks can't be answered on port ${check.port} (${code})`,
    remedy:
      'free the port (see `ss -ltnp`) or give the Service another healthCheckNodePort; it is tried again every 5 s',
    file: null,
  };
}
