import { useSignal } from '@preact/signals';
import { useStudio } from '../context.ts';
import { Brand } from './brand.tsx';
import { Icon } from './icon.tsx';
import { PhoneDialog } from './phone-dialog.tsx';
import { ProjectsDialog } from './projects-dialog.tsx';

/** @param notice something about this visit that is good to know */
export function Header({ notice }: { readonly notice: string | undefined }) {
  const { projects, board, host } = useStudio();
  const open = useSignal<'projects' | 'phone' | undefined>(undefined);
  const { name } = projects.current.value;
  return (
    <>
      <header class="top">
        <a class="skip" href="#images">
          Skip to the images
        </a>
        <div class="title">
          <Brand />
          <h1>
            Thaw <span>studio</span>
          </h1>
          {host.network.length > 0 && (
            <button
              type="button"
              class="quiet to-phone"
              onClick={() => {
                open.value = 'phone';
              }}
            >
              <Icon name="phone" />
              Use your phone
            </button>
          )}
          <button
            type="button"
            class="quiet project"
            aria-label={`Projects. This is ${name}`}
            onClick={() => {
              open.value = 'projects';
            }}
          >
            <Icon name="folder" />
            <span>{name.trim() || 'Without a name'}</span>
          </button>
        </div>
        <p class="promise">
          Teach your computer to tell images apart. Your images stay on this device.
          {notice && <span class="note">{notice}</span>}
        </p>
      </header>
      {open.value === 'projects' && (
        <ProjectsDialog
          onClose={() => {
            open.value = undefined;
            board.clear('projects');
          }}
        />
      )}
      {open.value === 'phone' && (
        <PhoneDialog
          onClose={() => {
            open.value = undefined;
          }}
        />
      )}
    </>
  );
}
