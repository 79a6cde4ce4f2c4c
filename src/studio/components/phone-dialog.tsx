import { encode } from 'uqr';
import { useStudio } from '../context.ts';
import { Dialog } from './dialog.tsx';

/** The page's address for a phone, as a QR code. */
export function PhoneDialog({ onClose }: { readonly onClose: () => void }) {
  const [address, ...others] = useStudio().host.network;
  return (
    <Dialog title="Use your phone" onClose={onClose}>
      <div class="phone">
        <p>Scan this code with the phone’s camera. The phone must be on the same network as this computer.</p>
        <Code text={address} />
        <p class="address">
          <a href={address}>{address}</a>
        </p>
        {others.length > 0 && (
          <p class="hint address">
            If it does not open:{' '}
            {others.map((other) => (
              <a key={other} href={other}>
                {other}
              </a>
            ))}
          </p>
        )}
        <p class="hint">
          The phone has its own projects, and trains on its own. To move a project, save it as a file, and load the file
          there. The address works until the command stops. Everybody on the network who has it can open the page.
        </p>
        {address.startsWith('http:') && (
          <p class="hint">
            The address is not encrypted, so the phone’s browser gives no live camera. The phone takes single photos
            instead.
          </p>
        )}
      </div>
    </Dialog>
  );
}

/** A QR code, black on white as scanners expect. */
function Code({ text }: { readonly text: string }) {
  const { data, size } = encode(text, { border: 2 });
  const modules = data.flatMap((row, y) => row.map((isBlack, x) => (isBlack ? `M${x} ${y}h1v1h-1z` : '')));
  return (
    <svg class="code" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code of the address below">
      <rect width={size} height={size} fill="#fff" />
      <path d={modules.join('')} fill="#000" />
    </svg>
  );
}
