import { useState } from 'react';
import { Dialog } from './dialog';
import { shortcuts, shortcutsAreOn, switchShortcuts } from './shortcuts';

export function Help({ close }: { close: () => void }) {
  const [on, setOn] = useState(shortcutsAreOn);
  const toggle = () => {
    switchShortcuts(!on);
    setOn(!on);
  };
  return (
    <Dialog title="Keyboard" close={close}>
      <dl className={on ? 'keys' : 'keys off'}>
        {Object.values(shortcuts).map(({ key, words }) => (
          <div key={key}><dt><kbd>{key.toUpperCase()}</kbd></dt><dd>{words}</dd></div>
        ))}
        <div><dt><kbd>Esc</kbd></dt><dd>Close a panel</dd></div>
      </dl>
      <label className="check"><input type="checkbox" checked={on} onChange={toggle} />Use single-key shortcuts</label>
    </Dialog>
  );
}
