import { type CommandDef, defineCommand } from 'citty';
import { tellStopping } from './child.ts';
import { type CommandSpec, readWords } from './command.ts';
import { interruptSignal } from './interrupt.ts';
import type { RunEnvironment } from './run.ts';
import { Terminal } from './terminal/terminal.ts';

/** A command as citty runs it. Thaw reads the words itself, for the reason that `readWords` gives. */
export function cittyCommand({ name, summary, ...spec }: CommandSpec, environment: RunEnvironment): CommandDef {
  let end = () => {};
  return defineCommand({
    meta: { name, description: summary },
    run({ rawArgs }) {
      const { json, ...given } = readWords({ name, summary, ...spec }, rawArgs);
      const terminal = new Terminal({ json, ...environment });
      const { signal, release } = interruptSignal(terminal, tellStopping);
      end = () => {
        terminal.clear();
        release();
      };
      return spec.run({ ...given, terminal, signal });
    },
    cleanup: () => end(),
  });
}
