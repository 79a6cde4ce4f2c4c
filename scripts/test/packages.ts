/** The system's package manager, if this process may use it without asking for a password. */
import { onPath } from './browsers.ts';
import { failureOf, outputOf, succeeds } from './commands.ts';

/** Programs that tests need in addition to Node. */
export type Program = 'chromium' | 'firefox' | 'python';

interface Manager {
  readonly command: string;
  readonly refresh?: readonly string[];
  readonly install: readonly string[];
  /** The package that may provide each program. */
  readonly names: Partial<Readonly<Record<Program, string>>>;
  /** Whether the repositories really have the package. */
  readonly has?: (name: string) => boolean;
}

const MANAGERS: readonly Manager[] = [
  {
    command: 'apt-get',
    refresh: ['update', '-qq'],
    install: ['install', '-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'],
    names: { chromium: 'chromium', firefox: 'firefox-esr', python: 'python3-venv' },
    // Ubuntu's packages of browsers only install a snap.
    has: (name) => /Candidate: (?!\(none\)|.*snap)/.test(outputOf(['apt-cache', 'policy', name])),
  },
  {
    command: 'dnf',
    install: ['install', '-y', '-q'],
    names: { chromium: 'chromium', firefox: 'firefox', python: 'python3' },
  },
  {
    command: 'apk',
    install: ['add', '--no-cache'],
    names: { chromium: 'chromium', firefox: 'firefox-esr', python: 'python3' },
  },
  {
    command: 'zypper',
    install: ['-n', '-q', 'install'],
    names: { chromium: 'chromium', firefox: 'MozillaFirefox', python: 'python3' },
  },
  {
    command: 'pacman',
    install: ['-Sy', '--noconfirm', '--needed'],
    names: { chromium: 'chromium', firefox: 'firefox', python: 'python' },
  },
];

export class PackageManager {
  readonly command: string;
  readonly #manager: Manager;
  readonly #prefix: readonly string[];
  #refreshed = false;
  /** Managers lock their database: one installation at a time. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(manager: Manager, prefix: readonly string[]) {
    this.command = manager.command;
    this.#manager = manager;
    this.#prefix = prefix;
  }

  static find(): PackageManager | undefined {
    const manager = MANAGERS.find(({ command }) => onPath(command).length > 0);
    if (!manager || process.platform !== 'linux') return undefined;
    if (process.getuid?.() === 0) return new PackageManager(manager, []);
    return succeeds(['sudo', '-n', 'true']) ? new PackageManager(manager, ['sudo', '-n']) : undefined;
  }

  /** @returns why a program could not be installed, or undefined if it is installed now */
  install(program: Program): Promise<string | undefined> {
    const installed = this.#last.then(() => this.#install(program));
    this.#last = installed;
    return installed;
  }

  async #install(program: Program): Promise<string | undefined> {
    const { refresh, install, names, has = () => true } = this.#manager;
    const name = names[program];
    if (!name) return `${this.command} has no package for it`;
    if (refresh && !this.#refreshed) await this.#run(refresh);
    this.#refreshed = true;
    return has(name) ? this.#run([...install, name]) : `${this.command} has no package for it`;
  }

  #run(words: readonly string[]): Promise<string | undefined> {
    return failureOf([...this.#prefix, this.command, ...words]);
  }
}
