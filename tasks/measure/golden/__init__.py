"""The golden pack's answers: compared with what is expected, with their first night and across a change; pure."""
