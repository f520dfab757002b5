import * as assert from 'uvu/assert';
import { metricsText } from '../../../api/metrics.ts';
import { created } from '../../projections/logs.ts';
import { suite } from '../../support/suite.ts';
import { keyText, withRig, withText } from './rig.ts';

const counts = suite('answers to services, counted');

counts(
  'by call and what was said, each once',
  withRig(async (rig) => {
    await rig.append(withText(created(1, 1), 1));
    await rig.time.settle();
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const introspect = (raw: string) => rig.call('/v1/introspect', { headers: form, raw });
    await rig.verify({ key: keyText(1) });
    await rig.verify({ key: keyText(1) });
    await rig.verify({ key: keyText(2) });
    await rig.verify({});
    await rig.verify({ key: keyText(1) }, { token: null });
    await rig.call('/v1/verify?x=1', { body: { key: keyText(1) } });
    await rig.verify({ key: keyText(1), minPosition: '0' });
    await introspect(`token=${keyText(1)}`);
    await introspect(`token=${keyText(2)}&token_type_hint=`);
    await introspect('x'.repeat(9000));
    await rig.get('/v1/forward-auth', { token: keyText(1) });
    await rig.get('/v1/forward-auth', { token: keyText(2) });
    await rig.call('/v1/usage', { body: { items: [] } });
    await rig.get('/v1/revocations');
    await rig.call('/v1/revocations', { method: 'DELETE' });

    const text = await metricsText([rig.answers.metric]);
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    assert.equal(lines.sort(), [
      'keyledger_service_answers_total{call="forward-auth",code="invalid-key"} 1',
      'keyledger_service_answers_total{call="forward-auth",code="valid"} 1',
      'keyledger_service_answers_total{call="introspect",code="not-found"} 1',
      'keyledger_service_answers_total{call="introspect",code="payload-too-large"} 1',
      'keyledger_service_answers_total{call="introspect",code="valid"} 1',
      'keyledger_service_answers_total{call="revocations",code="answered"} 1',
      'keyledger_service_answers_total{call="revocations",code="method-not-allowed"} 1',
      'keyledger_service_answers_total{call="usage",code="answered"} 1',
      'keyledger_service_answers_total{call="verify",code="not-found"} 1',
      'keyledger_service_answers_total{call="verify",code="unauthenticated"} 1',
      'keyledger_service_answers_total{call="verify",code="valid"} 3',
      'keyledger_service_answers_total{call="verify",code="validation-failed"} 2',
    ]);
  }),
);

counts.run();
