"""An answer for a program that speaks as OpenAI's clients do: asked, written as every answer is, given out, and not kept."""
