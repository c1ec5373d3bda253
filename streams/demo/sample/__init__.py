"""The bundled sample: a catalogue that people might browse, and people who do."""
