import { openAsBlob } from 'node:fs';
import { env } from 'node:process';
import { ThawError } from '../../errors.ts';
import { publicAddress } from '../../secrets.ts';
import { isLocal, reasonOf } from '../models/network.ts';
import { TrackerRefusal } from './sink.ts';

/** The server refuses a request. */
export class MlflowRefusal extends TrackerRefusal {
  /** @param code MLflow's, such as `RESOURCE_DOES_NOT_EXIST` */
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

/** These can succeed later. */
const TEMPORARY = [408, 425, 429];

/** MLflow's REST interface. */
export class MlflowClient {
  /** The address without secrets. */
  readonly address: string;
  private readonly base: string;
  private readonly authorization: Readonly<Record<string, string>>;

  /** @throws ThawError `bad-config` for an address that cannot be used */
  constructor(url: string) {
    const { protocol, host, pathname, username, password } = parsed(url);
    this.base = `${protocol}//${host}${pathname.replace(/\/+$/, '')}`;
    this.address = this.base;
    this.authorization = authorizationOf({ username, password });
    if (protocol === 'http:' && !isLocal(new URL(url)) && this.authorization.authorization)
      throw new ThawError(
        'bad-config',
        `${this.address} is not encrypted, so Thaw does not send it a password or token`,
        'Use an https:// address, or unset MLFLOW_TRACKING_TOKEN, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD',
      );
  }

  /** @throws MlflowRefusal if the server would refuse it again */
  get<R>(path: string, parameters: Readonly<Record<string, string>>): Promise<R> {
    return this.request(`mlflow/${path}?${new URLSearchParams(parameters)}`, { method: 'GET' });
  }

  /** @throws MlflowRefusal if the server would refuse it again */
  post<R>(path: string, body: object): Promise<R> {
    const headers = { 'content-type': 'application/json' };
    return this.request(`mlflow/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /** Stores a file through the server. @param path below the server's root of artifacts */
  async upload(path: string, file: string): Promise<void> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    await this.request(`mlflow-artifacts/artifacts/${encoded}`, { method: 'PUT', body: await openAsBlob(file) });
  }

  private async request<R>(path: string, { headers, ...init }: RequestInit): Promise<R> {
    const answer = await fetch(`${this.base}/api/2.0/${path}`, {
      ...init,
      headers: { ...headers, ...this.authorization },
      // A redirect could carry the token elsewhere.
      redirect: 'manual',
    }).catch((error) => {
      throw new Error(reasonOf(error));
    });
    const text = await answer.text();
    if (answer.ok) return parsedJson(text) as R;
    const { error_code: code = '', message = text } = parsedJson(text) as { error_code?: string; message?: string };
    const reason = `the server answers ${answer.status} ${code || answer.statusText}: ${shortLine(message)}`;
    if (answer.status >= 500 || TEMPORARY.includes(answer.status)) throw new Error(reason);
    throw new MlflowRefusal(reason, code);
  }
}

/** @throws ThawError `bad-config` */
function parsed(url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address && ['http:', 'https:'].includes(address.protocol)) return address;
  throw new ThawError(
    'bad-config',
    `mlflow: ${publicAddress(url)} is not the address of a server`,
    'Give one such as http://127.0.0.1:5000. Thaw uses the REST interface of a running `mlflow server`',
  );
}

/** As MLflow's own client: a token, else a user and a password. Those of the address win. */
function authorizationOf({ username, password }: Pick<URL, 'username' | 'password'>): Record<string, string> {
  const { MLFLOW_TRACKING_TOKEN: token, MLFLOW_TRACKING_USERNAME: user, MLFLOW_TRACKING_PASSWORD: secret } = env;
  const basic = (parts: readonly string[]) => ({
    authorization: `Basic ${Buffer.from(parts.join(':')).toString('base64')}`,
  });
  if (username || password) return basic([username, password].map(decodeURIComponent));
  if (user && secret) return basic([user, secret]);
  return token ? { authorization: `Bearer ${token}` } : {};
}

function parsedJson(text: string): unknown {
  try {
    return (JSON.parse(text) as object | null) ?? {};
  } catch {
    return {};
  }
}

const shortLine = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line || 'no explanation';
};
