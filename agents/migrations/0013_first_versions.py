"""Each agent that is there has what it is now as its first version."""

from django.db import migrations

# The id is a UUIDv7 of the moment in which the agent was made, since versions are listed in the order of their ids.
FIRST = """
INSERT INTO agents_agentversion (id, workspace_id, agent_id, number, author_id, content, created_at)
SELECT (substr(moment, 1, 8) || '-' || substr(moment, 9, 4) || '-7' || substr(gen_random_uuid()::text, 16))::uuid,
    a.workspace_id, a.id, 1, a.owner_id,
    jsonb_build_object(
        'name', a.name, 'description', a.description, 'instructions', a.instructions, 'refusal_text', a.refusal_text,
        'starter_prompts', a.starter_prompts, 'model', a.model, 'temperature', a.temperature, 'max_tokens', a.max_tokens,
        'retrieval_depth', a.retrieval_depth, 'retrieval_threshold', a.retrieval_threshold, 'provider', a.provider,
        'model_provider_id', a.model_provider_id,
        'file_ids', (SELECT coalesce(jsonb_agg(f.file_id ORDER BY f.file_id), '[]') FROM agents_agentfile f
                     WHERE f.workspace_id = a.workspace_id AND f.agent_id = a.id)),
    a.created_at
FROM agents_agent a, lpad(to_hex((extract(epoch FROM a.created_at) * 1000)::bigint), 12, '0') AS moment
"""


class Migration(migrations.Migration):
    """Write them. The way back drops their table."""

    dependencies = [("agents", "0012_versions")]
    operations = [migrations.RunSQL(FIRST, migrations.RunSQL.noop)]
