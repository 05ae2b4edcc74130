import { expect, it } from 'vitest';
import { startDesk } from './desk.ts';

it('smoke', async () => {
  const t0 = performance.now();
  const desk = await startDesk();
  console.log('start', performance.now() - t0);
  const a = await desk.alert();
  console.log(a.status, JSON.stringify(a.json), performance.now() - t0);
  await desk.stage.pagerDuty.until(
    () => desk.stage.pagerDuty.incidents().some((i) => i.assignees.length > 0),
    { what: 'a page' },
  );
  console.log('paged', performance.now() - t0);
  await desk.stage.slack.until(() => desk.thread().includes('Runbook'));
  console.log('runbook', performance.now() - t0);
  await desk.click('ada', 'Kill…');
  console.log('kill', performance.now() - t0);
  await desk.stage.slack.until(() => desk.thread().includes('VERDICT  RESIDUAL'));
  console.log('verdict', performance.now() - t0);
  console.log(desk.thread());
  console.log(JSON.stringify(desk.stage.pagerDuty.incidents(), null, 1).slice(0, 3000));
  const t1 = performance.now();
  await desk.restart();
  console.log('restart', performance.now() - t1);
  const t2 = performance.now();
  await desk.close();
  console.log('close', performance.now() - t2);
  expect(1).toBe(1);
});
