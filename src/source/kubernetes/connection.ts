/** Where the API server is and how to speak to it; loaded again when credentials may have changed. */
import type { RequestOptions } from 'node:https';
import { ApiFailure, errorMessage } from './failure.ts';

export interface ApiConnection {
  /** `https://host:port`, with the path prefix where there is one; no slash at the end. */
  readonly origin: string;
  /** Headers, certificates and agent for the next request: tokens rotate, so they are asked for each time. */
  requestOptions(): Promise<RequestOptions>;
  /** For the messages of what fails, as of the last request; absent where there is nothing to say. */
  describe?(nowMs: number): AccessDescription;
}

export interface AccessDescription {
  /** What we show the server, with its dates where they are over: `the token of FILE`. */
  readonly credentials: string;
  /** What the server's certificate is judged by: `the certificate authority FILE`. */
  readonly authority: string;
  /** Host and port of the proxy on the way; null: there is none. */
  readonly proxy: string | null;
}

/** What is said of an access that does not describe itself. */
export const UNKNOWN_ACCESS: AccessDescription = {
  credentials: 'our credentials',
  authority: 'its certificate authority',
  proxy: null,
};

export interface Connector {
  /** @throws ApiFailure where the configuration can't be used */
  connect(): Promise<ApiConnection>;
  /** The next `connect` loads everything anew: files may have been replaced. */
  renew(): void;
  /** Of the last connection loaded; null before the first. */
  origin(): string | null;
}

const CHECK = 'check the kubeconfig and the files that it names';

/** Loads a connection when first asked for and keeps it until `renew`. */
export function createConnector(load: () => Promise<ApiConnection>): Connector {
  let current: Promise<ApiConnection> | null = null;
  let origin: string | null = null;
  async function loadNow(): Promise<ApiConnection> {
    try {
      const connection = await load();
      origin = connection.origin;
      return connection;
    } catch (error) {
      current = null;
      if (error instanceof ApiFailure) throw error;
      throw new ApiFailure(
        `the cluster's access configuration can't be used (${errorMessage(error)}); ${CHECK}`,
        {
          cause: error,
        },
      );
    }
  }
  return {
    connect() {
      current ??= loadNow();
      return current;
    },
    renew() {
      current = null;
    },
    origin: () => origin,
  };
}
