import { useEffect, useRef, useState } from 'react';
import type { Meeting } from '../meeting/meeting';
import { useObservable } from '../observable';
import { Bell } from '../parts/bell';
import { meetingLink } from '../server';
import { noticeWords } from '../words';
import { Banner } from './banner';
import { ChatPanel } from './chat-panel';
import { Control } from './control';
import { Controls } from './controls';
import { copyText } from './copy';
import { Help } from './help';
import { Roster } from './roster';
import { Settings } from './settings';
import { useShortcuts, type Action } from './shortcuts';
import { Stage } from './stage';
import { Toasts } from './toasts';
import { useWakeLock } from './wake-lock';
import '../styles/room.css';
import '../styles/panels.css';

// Room is the meeting itself. It tells once when it is over.
export default function Room({ meeting, over }: { meeting: Meeting; over: () => void }) {
  const { phase } = useObservable(meeting.connection);
  const [panel, setPanel] = useState<'people' | 'chat' | null>(null);
  const [dialog, setDialog] = useState<'devices' | 'help' | null>(null);
  const toggle = (which: 'people' | 'chat') => setPanel(panel === which ? null : which);

  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    document.title = `${meeting.title} – Carillon`;
    heading.current?.focus(); // the button that had the focus is gone
  }, [meeting]);
  useEffect(() => {
    if (phase === 'over') over();
  }, [phase, over]);
  useWakeLock();

  const act = (action: Action) => {
    switch (action) {
      case 'mute': return void meeting.inputs.toggleMute();
      case 'camera': return void meeting.inputs.toggleCamera();
      case 'share': return void meeting.sharing.toggle();
      case 'people': return toggle('people');
      case 'chat': return toggle('chat');
      case 'devices': return setDialog('devices');
      case 'help': return setDialog('help');
      case 'link': return void copyLink();
    }
  };
  const copyLink = async () => {
    const copied = await copyText(meetingLink(meeting.id));
    meeting.notices.add(copied ? noticeWords.linkCopied : noticeWords.linkNotCopied, copied ? 'news' : 'bad');
  };
  useShortcuts(act);

  return (
    <div className={panel ? 'room with-panel' : 'room'}>
      <header className="top">
        <Bell />
        <h1 ref={heading} tabIndex={-1}>{meeting.title}</h1>
        <Control action="link" icon="link" label="Copy the link" act={act} small />
        <Control action="devices" icon="settings" label="Devices" act={act} small />
        <Control action="help" icon="keyboard" label="Keyboard" act={act} small />
      </header>
      <main>
        <Banner meeting={meeting} />
        <Stage meeting={meeting} copyLink={() => void copyLink()} />
        <Toasts notices={meeting.notices} />
      </main>
      {panel === 'people' && <Roster meeting={meeting} close={() => setPanel(null)} />}
      {panel === 'chat' && <ChatPanel meeting={meeting} close={() => setPanel(null)} />}
      <Controls meeting={meeting} panel={panel} act={act} />
      {dialog === 'devices' && <Settings inputs={meeting.inputs} close={() => setDialog(null)} />}
      {dialog === 'help' && <Help close={() => setDialog(null)} />}
    </div>
  );
}
