import { type CommandDef, defineCommand } from 'citty';
import { reportStopping } from './child.ts';
import { type CommandSpec, parseArguments } from './command.ts';
import { interruptSignal } from './interrupt.ts';
import type { CommandHost } from './run.ts';
import { Terminal } from './terminal/terminal.ts';

/** A command for citty. Thaw parses the arguments itself; `parseArguments` gives the reason. */
export function cittyCommand({ name, summary, ...spec }: CommandSpec, host: CommandHost): CommandDef {
  let end = () => {};
  return defineCommand({
    meta: { name, description: summary },
    run({ rawArgs }) {
      const { json, ...given } = parseArguments({ name, summary, ...spec }, rawArgs);
      const terminal = new Terminal({ json, ...host });
      const { signal, release } = interruptSignal(terminal, reportStopping, host.isUnread);
      end = () => {
        terminal.clear();
        release();
      };
      return spec.run({ ...given, terminal, signal });
    },
    cleanup: () => end(),
  });
}
